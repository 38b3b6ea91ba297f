import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../src/database/database.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';
import { examineDatabase, findingsOf } from '../../support/examination.js';
import { startKeysAfter } from '../../support/keys.js';
import { migrate } from '../../support/migrated.js';

/**
 * The tables with keys, and the highest number of the program.
 */
const tables = ['core_user', 'core_course', 'core_enrollments', 'core_recount_runs', 'core_recount_changes'];
const EXACT = Number.MAX_SAFE_INTEGER;

describeOnEach('the doctor on the range of keys', kind => {
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
  const use = (table: string, number: number): Promise<void> => startKeysAfter(database, table, number);

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
      `insert into core_user (id, name, email, role, created_at, updated_at) values (${EXACT}, 'Last', 'last@example.org', 'student', ${{ sqlite: '0, 0', mysql: 'now(3), now(3)', mariadb: 'now(3), now(3)', postgresql: 'now(), now()' }[kind]})`,
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
    const change = (table: string, column: string): Promise<unknown> =>
      run(
        kind === 'postgresql'
          ? `alter table ${table} alter column ${column} type integer`
          : `alter table ${table} modify ${column} int unsigned not null${column === 'id' ? ' auto_increment' : ''}`,
      );
    const [type, half, end] =
      kind === 'postgresql'
        ? ['integer', '1,073,741,824', '2,147,483,647']
        : [`int${kind === 'mysql' ? '' : '(10)'} unsigned`, '2,147,483,648', '4,294,967,295'];
    const highest = Number(end.replaceAll(',', ''));
    await change('core_enrollments', 'id');
    await use('core_enrollments', (highest + 1) / 2);
    expect(await found()).toEqual([
      [
        'warning',
        `The ids of core_enrollments are at ${half} of ${end} (50%), the end of core_enrollments.id, which is ${type}.`,
      ],
    ]);
    await change('core_recount_changes', 'course_id');
    await use('core_course', highest);
    expect(await found()).toContainEqual([
      'failed',
      `The ids of core_course are at ${end} of ${end} (100%), the end of core_recount_changes.course_id, which is ${type}: no row can be added.`,
    ]);
  });
});
