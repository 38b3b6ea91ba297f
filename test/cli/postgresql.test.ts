import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { placeToRun } from '../support/command-line.js';
import { describeAmong } from '../support/describe-among.js';
import { freshUrl } from '../support/fresh-url.js';
import { plainClient } from '../support/plain-client.js';

const JWT_SECRET = 'a secret of this test alone, which nobody else knows';

describeAmong(
  ['postgresql'] as const,
  kind => inject('servers')[kind] !== undefined,
  kind => `the commands on ${kind}`,
  kind => {
    it('each command works on a URL that begins with postgres:, from an empty server to an undone recount', async () => {
      const place = placeToRun();
      const { url, drop } = freshUrl(kind);
      onTestFinished(async () => {
        await drop();
        place.leave();
      });
      const DATABASE_URL = url.replace(/^postgresql:/, 'postgres:');
      /** Runs a command that must end with a code and print something on its outputs, and returns what it printed. */
      async function run(code: number, said: RegExp, parameters: readonly string[], env = {}): Promise<string> {
        const ended = await place.run(parameters, { DATABASE_URL, JWT_SECRET, ...env });
        const printed = `${ended.stdout}${ended.stderr}`;
        expect([parameters, ended.code, printed]).toEqual([parameters, code, expect.stringMatching(said)]);
        return ended.stdout;
      }
      const names = dialects[kind].schema.migrations.map(({ name }) => name);
      await run(1, /The server has no such database\. Create it with "rollcall migrate up"/, ['verify']);
      expect(await run(0, /^pending/, ['migrate', 'status'])).toBe(names.map(name => `pending  ${name}\n`).join(''));
      expect(await run(0, /^Applied/, ['migrate', 'up'])).toBe(names.map(name => `Applied ${name}.\n`).join(''));
      await run(0, /permanently drops: the function verify_enrollment_counts\./, ['migrate', 'down']);
      await run(0, new RegExp(`^Applied ${names.at(-1)}\\.\n$`), ['migrate', 'up']);
      await run(0, /Added in/, ['seed', '--courses', '3', '--students', '5', '--enrollments', '10']);
      await run(0, /^Verified 3 courses: all counts match\./, ['verify']);
      await run(0, /Backed up the counts of 3 courses to counts\.jsonl\./, ['backup', 'counts.jsonl']);
      expect(readFileSync(join(place.folder, 'counts.jsonl'), 'utf8')).toContain('"database":"postgresql"');

      const client = await plainClient(url);
      await client.query('update core_course set total_enrollments = total_enrollments + 9 where id = 1');
      await run(3, /course/i, ['verify']);
      await run(0, /Completed! Updated 1 course\(s\) out of 3 total courses\./, ['recount']);
      await run(0, /SUCCEEDED/, ['runs', 'list']);
      await run(0, /SUCCEEDED/, ['runs', 'show', '1']);
      await run(0, /total_enrollments/, ['runs', 'undo', '1']);
      await run(3, /course/i, ['verify']);
      await run(0, /Restored 1 count/, ['restore', 'counts.jsonl']);
      await run(0, /all counts match/, ['verify']);

      await client.query(
        "insert into core_course (title, created_at, updated_at) values ('Optics', now(), now()); insert into core_user (name, email, created_at, updated_at) values ('Zoë', 'zoë@example.org', now(), now())",
      );
      await client.end();
      writeFileSync(join(place.folder, 'rows.csv'), 'course,student\nOptics,zoë@example.org\nOptics,ZOË@example.org\n');
      await run(0, /1 added, 1 already there, 0 bad/, ['import', 'enrollments', 'rows.csv']);
      await run(0, /Installed counters_core_enrollments_course_id_after_truncate\./, ['counters', 'use', 'triggers']);
      await run(0, /They agree\./, ['counters', 'status'], { COUNTERS: 'triggers' });
      await run(0, /Enrolling and unenrolling moved the counts 0, 0 → 1, 1 → 0, 0/, ['doctor'], {
        COUNTERS: 'triggers',
      });
      await run(0, /Dropped /, ['counters', 'use', 'hooks']);
      await run(0, /, 0 failed\.\n$/, ['doctor']);
      await run(0, /^ey/, ['token', '--role', 'admin']);
    });
  },
);
