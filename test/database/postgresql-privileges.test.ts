import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { installTriggers, removeTriggers } from 'mikro-orm-counters';
import { operator } from '../../src/access/viewer.js';
import { dialects } from '../../src/database/dialects/dialects.js';
import { openDatabase, openExistingDatabase, type Database } from '../../src/database/database.js';
import { Course } from '../../src/entities/index.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { planUndo } from '../../src/database/schema/undo.js';
import { writeBackup } from '../../src/tools/backup/write-backup.js';
import { seedDatabase } from '../../src/tools/sample-data/seed-database.js';
import { describeAmong } from '../support/describe-among.js';
import { examineDatabase, findingsOf, problemsIn } from '../support/examination.js';
import { freshUrl } from '../support/fresh-url.js';
import { pipeTo, resultsOf } from '../support/sql-clients.js';

const kind = 'postgresql';

/** The privileges that docs/deployment.md names for each kind of user, on an empty database and on a migrated one. */
const forMigrations = ['usage on schema public', 'create on schema public'];
const forServers = [
  'usage on schema public',
  'select, insert, update, delete on all tables in schema public',
  'usage on all sequences in schema public',
];
const forBackups = ['usage on schema public', 'select on core_course'];

describeAmong(
  ['an empty database', 'a migrated database'] as const,
  () => inject('servers')[kind] !== undefined,
  state => `a user with the minimum privileges in ${state} of ${kind}`,
  state => {
    let admin: Database;
    let url: string;
    let drop: () => Promise<void>;
    let account: string;
    let theirs: string;

    beforeAll(async () => {
      ({ url, drop } = freshUrl(kind));
      admin = await openDatabase(url);
      await (state === 'an empty database' ? admin.schema.ensureDatabase() : migrateUp(admin));
      await run('revoke all on schema public from public');
    });
    beforeEach(async () => {
      account = `limited_${randomUUID().slice(0, 8)}`;
      await run(`create user ${account} password 'secret'`);
      theirs = Object.assign(new URL(url), { username: account, password: 'secret' }).href;
    });
    afterEach(async () => {
      await run(`drop owned by ${account}`);
      await run(`drop user ${account}`);
    });
    afterAll(async () => {
      await admin.close(true);
      await drop();
    });

    const run = (sql: string): Promise<unknown> => admin.em.getConnection().execute(sql, [], 'run');
    async function grant(privileges: readonly string[]): Promise<void> {
      for (const privilege of privileges) await run(`grant ${privilege} to ${account}`);
    }
    async function asUser<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
      const database = await openExistingDatabase(theirs);
      try {
        return await work(database);
      } finally {
        await database.close(true);
      }
    }

    if (state === 'an empty database') {
      it('a user with the minimum privileges migrates, and without any one of them nothing begins and the statement that grants it is named', async () => {
        for (const missing of forMigrations) {
          await grant(forMigrations.filter(one => one !== missing));
          const word = missing.split(' ')[0]!.toUpperCase();
          await asUser(database =>
            expect(migrateUp(database)).rejects.toMatchObject({
              code: 'MISSING_PRIVILEGE',
              message: expect.stringMatching(
                new RegExp(
                  `^The user ${account} may not apply the migrations: it lacks ${word} in the schema public of test_\\w+\\. Nothing was changed\\. As an administrator: grant ${word} on schema public to ${account}; then migrate again\\.$`,
                ),
              ),
            }),
          );
          await run(`drop owned by ${account}`);
        }
        await grant(forMigrations);
        expect(await asUser(database => migrateUp(database, { withTriggers: true }))).toHaveLength(
          dialects[kind].schema.migrations.length,
        );
        // Its owner may also switch to triggers and back, and undo migrations.
        await asUser(async database => {
          expect((await installTriggers(database.em, { guard: true })).created).toHaveLength(6);
          expect(await planUndo(database)).toMatchObject({ procedures: ['function verify_enrollment_counts'] });
          await database.migrator.down({ to: 0 });
        });
      });

      return;
    }

    it('a user with the privileges of a server passes the doctor and writes, and without one of them the doctor names it', async () => {
      await grant(forServers);
      const privileges = async (): Promise<object[]> => findingsOf(await examineDatabase(theirs), 'privileges');
      expect(await privileges()).toMatchObject([{ status: 'ok' }]);
      await asUser(database => seedDatabase(database, { courses: 2, students: 3, enrollments: 4 }));
      await run(`revoke delete on core_enrollments from ${account}`);
      await run(`revoke usage on sequence core_user_id_seq from ${account}`);
      expect(await privileges()).toEqual([
        {
          check: 'privileges',
          status: 'failed',
          message:
            "The database's user may not delete on core_enrollments. It lacks USAGE of sequences, which adding rows needs.",
          advice:
            'Grant it: grant select, insert, update, delete on all tables in schema public to …; grant usage on all sequences in schema public to …',
        },
      ]);
    });

    it('a user with the privileges of a server cannot change triggers or undo migrations, and is told who can', async () => {
      await grant(forServers);
      onTestFinished(async () => void (await migrateUp(admin)));
      await asUser(async database => {
        await expect(installTriggers(database.em)).rejects.toThrow(
          /^The database does not let its user change triggers: .* Do it as the owner of the tables/,
        );
        await run("delete from rollcall_migrations where name = '2026-11-30-verify-function'");
        await expect(planUndo(database)).rejects.toMatchObject({
          code: 'MISSING_PRIVILEGE',
          message: expect.stringContaining('it lacks the ownership of the tables in the schema public'),
        });
      });
      expect(findingsOf(await examineDatabase(theirs, { COUNTERS: 'triggers' }), 'privileges')).toMatchObject([
        { status: 'ok' },
        {
          status: 'failed',
          message: "The database's user lacks CREATE and the ownership of the tables, which creating triggers needs.",
        },
      ]);
      // Pending migrations are another failure, and name what they need.
      expect(findingsOf(await examineDatabase(theirs), 'migrations')).toContainEqual({
        check: 'migrations',
        status: 'failed',
        message: "The database's user lacks CREATE, which the migration 2026-11-30-verify-function needs.",
        advice: 'grant CREATE on schema public to …',
      });
    });

    it('the doctor reports that row security hides enrollments from its user, which would not be counted', async () => {
      await grant(forServers);
      await run('alter table core_enrollments enable row level security');
      const found = findingsOf(await examineDatabase(theirs), 'migrations');
      await run('alter table core_enrollments disable row level security');
      expect(found).toContainEqual({
        check: 'migrations',
        status: 'failed',
        message: 'Row security hides rows of core_enrollments from this user, so they are not counted.',
        advice: expect.stringContaining('BYPASSRLS'),
      });
    });

    it('a user who may only read courses backs up their counts', async () => {
      await seedDatabase(admin, { courses: 2, students: 3, enrollments: 4 });
      await grant(forBackups);
      let text = '';
      expect(
        await asUser(database =>
          writeBackup(database, operator, part => {
            text += part;
            return Promise.resolve();
          }),
        ),
      ).toBe(await admin.em.fork().count(Course));
      expect(text).toContain('"database":"postgresql"');
    });

    it('a user who may only read makes a dump with pg_dump, and what is restored from it is sound and counts', async () => {
      await seedDatabase(admin, { courses: 2, students: 3, enrollments: 4 });
      await installTriggers(admin.em, { guard: true });
      await run(`grant pg_read_all_data to ${account}`);
      const dump = spawnSync('pg_dump', ['--no-owner', '--no-privileges', theirs], { encoding: 'utf8' });
      expect(dump).toMatchObject({ status: 0, stderr: '' });
      const copy = freshUrl(kind);
      const restored = await openDatabase(copy.url, 'triggers');
      await restored.schema.ensureDatabase();
      expect(await pipeTo('psql', copy.url, `\\set ON_ERROR_STOP on\n${dump.stdout}`).ended).toMatchObject({ code: 0 });
      expect(problemsIn(await examineDatabase(copy.url, { COUNTERS: 'triggers' }))).toEqual([]);
      expect(await resultsOf('psql', copy.url, 'select verify_enrollment_counts() as mismatches')).toEqual([
        [{ mismatches: '0' }],
      ]);
      await restored.close(true);
      await removeTriggers(admin.em);
      await copy.drop();
    });
  },
);
