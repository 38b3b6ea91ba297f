import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { counterMigration } from 'mikro-orm-counters';
import { freshDatabase } from '../../support/databases.js';

const root = resolve(import.meta.dirname, '../../..');

it('the command of the README prints the SQL of a migration of counters, by the configuration of MikroORM’s commands', async () => {
  const { database, url, drop } = await freshDatabase('sqlite');
  onTestFinished(drop);
  const readme = readFileSync(resolve(root, 'src/counters/README.md'), 'utf8');
  const [, command] = /```sh\n(node --input-type=module .*?)```/s.exec(readme)!;
  expect(command).toContain('Post.approvedCount');
  for (const method of ['up', 'down'] as const) {
    const own = command!.replace('Post.approvedCount', 'Course.activeEnrollments').replace('up()', `${method}()`);
    const { stdout } = await promisify(execFile)('bash', ['-c', own], {
      cwd: root,
      env: { ...process.env, DATABASE_URL: url },
    });
    const statements = await counterMigration(database.em, 'Course.activeEnrollments')[method]();
    expect(statements).not.toEqual([]);
    expect(stdout.trimEnd()).toBe(statements.map(sql => `${sql};`).join('\n'));
  }
});
