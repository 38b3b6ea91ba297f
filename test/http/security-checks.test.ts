import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../docs/console-blocks.js';
import { startApi } from '../support/api.js';
import { keptLog } from '../support/log-lines.js';
import { graphqlArmor } from './security-checks/graphql-armor.js';
import { graphqlCop } from './security-checks/graphql-cop.js';
import { owasp } from './security-checks/owasp.js';
import type { Audited } from './security-checks/security-check.js';

const securityChecks = [...graphqlCop, ...graphqlArmor, ...owasp];

describe('the checks of auditors in production mode', () => {
  let audited: Audited;

  beforeAll(async () => {
    const log = keptLog();
    audited = {
      log,
      api: await startApi('sqlite', {
        logger: log.logger,
        env: { NODE_ENV: 'production', JWT_SECRET: 'a secret of this test, more than thirty-two bytes' },
      }),
    };
  });
  afterAll(() => audited.api.stop());

  it.each(
    securityChecks.map(
      one => [`the check "${one.check}" of ${one.auditor} has the outcome: ${one.outcome}`, one] as const,
    ),
  )('%s', async (_, { run }) => {
    await run(audited);
  });
});

it('docs/security-checks.md has each check with its outcome, and no other', () => {
  const rows = textOf('docs/security-checks.md')
    .split('\n')
    .filter(line => /^\| (graphql-cop|graphql-armor|OWASP) \|/.test(line));
  expect(rows).toEqual(securityChecks.map(({ auditor, check, outcome }) => `| ${auditor} | ${check} | ${outcome} |`));
});
