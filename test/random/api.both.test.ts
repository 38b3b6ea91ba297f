import { expect, it } from 'vitest';
import { describeOnEach } from '../support/databases.js';
import { openModelRunner } from './api/model-runner.js';
import { checkModel, readRunOptions } from './model-check.js';

const options = readRunOptions(200);
const subject = 'random requests of random callers';

describeOnEach(subject, kind => {
  it(
    'random mutations are answered as the model says, leave the tables as it says, and fill no course beyond its capacity',
    { timeout: options.timeout },
    async () => {
      const runner = await openModelRunner(kind);
      try {
        expect(await checkModel(`${subject} on ${kind}`, runner, options)).toBeGreaterThanOrEqual(options.operations);
      } finally {
        await runner.drop();
      }
    },
  );
});
