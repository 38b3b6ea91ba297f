import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../src/database/database.js';
import { describeOnFirstThree, freshUrl } from '../../support/databases.js';
import { examineDatabase, findingsOf } from '../../support/examination.js';
import { migrate } from '../../support/migrated.js';

/**
 * The tables with keys, and the highest numbers of a column of 32 bits, as earlier versions made them, and of the
 * program.
 */
const tables = ['core_user', 'core_course', 'core_enrollments', 'core_recount_runs', 'core_recount_changes'];
const NARROW = 2 ** 32 - 1;
const EXACT = Number.MAX_SAFE_INTEGER;

describeOnFirstThree('the doctor on the range of keys', kind => {
  let url: string;
  let drop: () => Promise<void>;
  let database: Database;

  beforeEach(async () => {
    ({ url, drop } = freshUrl(kind));
    database = await openDatabase(url);
    await migrate(database);
  });
  afterEach(async () => {
    await database.close(true);
    await drop();
  });

  const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');
  const found = async (): Promise<unknown[]> =>
    findingsOf(await examineDatabase(url), 'keys').map(({ status, message }) => [status, message]);
  /** Makes a table assign a number whose row is deleted afterwards. */
  async function use(table: string, number: number): Promise<void> {
    if (kind !== 'sqlite') await run(`alter table ${table} auto_increment = ${number + 1}`);
    else
      for (const sql of [
        `delete from sqlite_sequence where name = '${table}'`,
        `insert into sqlite_sequence (name, seq) values ('${table}', ${number})`,
      ])
        await run(sql);
  }

  it('the doctor says that all is well where no key has used half of its range', async () => {
    await use('core_course', 2 ** 51);
    expect(await found()).toEqual([['ok', 'No key has used half of its numbers; the most, 25%, has core_course.']]);
  });

  it.each(tables)('the doctor warns from half of the range on, and not before: %s', async table => {
    await use(table, 2 ** 52 - 1);
    expect(await found()).toEqual([['ok', expect.stringContaining(`49%, has ${table}`)]]);
    await use(table, 2 ** 52);
    expect(await found()).toEqual([
      [
        'warning',
        expect.stringMatching(
          new RegExp(
            `^The ids of ${table} are at 4,503,599,627,370,49\\d of 9,007,199,254,740,991 \\(50%\\), the end of the numbers that Rollcall reads exactly\\.$`,
          ),
        ),
      ],
    ]);
  });

  it('the doctor fails at the end of the range, even with a row of that number', async () => {
    await run(
      `insert into core_user (id, name, email, role, created_at, updated_at) values (${EXACT}, 'Last', 'last@example.org', 'student', ${kind === 'sqlite' ? '0, 0' : 'now(3), now(3)'})`,
    );
    expect(await found()).toEqual([
      [
        'failed',
        expect.stringMatching(/^The ids of core_user are at 9,007,199,254,740,991 of .* no row can be added\.$/),
      ],
    ]);
  });

  if (kind === 'sqlite') return;

  it("the doctor knows the columns of an older version: the key's own, and those that refer to it", async () => {
    await run('alter table core_enrollments modify id int unsigned not null auto_increment');
    await use('core_enrollments', 2 ** 31);
    expect(await found()).toEqual([
      [
        'warning',
        `The ids of core_enrollments are at 2,147,483,648 of 4,294,967,295 (50%), the end of core_enrollments.id, which is int${kind === 'mysql' ? '' : '(10)'} unsigned.`,
      ],
    ]);
    await run('alter table core_recount_changes modify course_id int unsigned not null');
    await use('core_course', NARROW);
    expect(await found()).toContainEqual([
      'failed',
      expect.stringMatching(
        /^The ids of core_course are at 4,294,967,295 of 4,294,967,295 \(100%\), the end of core_recount_changes\.course_id, which is int.*: no row can be added\.$/,
      ),
    ]);
  });
});
