import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../src/database/database.js';
import { migrateUp } from '../../../src/database/migrate-up.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';
import { examined, of } from '../../support/examined.js';

describeOnEach('the doctor fails', kind => {
  let url: string;
  let drop: () => Promise<void>;
  let database: Database;

  beforeEach(async () => {
    ({ url, drop } = freshUrl(kind));
    database = await openDatabase(url);
    await migrateUp(database);
  });
  afterEach(async () => {
    await database.close(true);
    await drop();
  });

  const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');
  const found = async (): Promise<unknown[]> => of(await examined(url), 'migrations').map(({ status, message }) => [status, message]);

  it('not where the tables are as the migrations made them', async () => {
    expect(await found()).toEqual([['ok', expect.stringMatching(/^All \d are applied\.$/)]]);
  });

  it('where a table of an applied migration is gone, and names it', async () => {
    await run('drop table core_enrollments');
    expect(await found()).toContainEqual(['failed', 'Tables of applied migrations are gone: core_enrollments.']);
  });

  it.each([
    ['a column is gone', 'alter table core_enrollments drop column updated_at', 'updated_at'],
    ['an index is gone', kind === 'sqlite' ? 'drop index core_course_title_index' : 'alter table core_course drop index core_course_title_index', 'core_course_title_index'],
    ['a column is another', kind === 'sqlite' ? 'alter table core_user rename column name to label' : 'alter table core_user modify name varchar(50) not null', 'name'],
  ])('where %s, and names it', async (_, sql, named) => {
    await run(sql);
    expect(await found()).toContainEqual(['failed', expect.stringMatching(new RegExp(`^The tables are not as the migrations made them\\..*${named}`))]);
  });

  it('on a database that somebody else made, and names the tables', async () => {
    for (const table of ['core_enrollments', 'core_recount_changes', 'core_recount_runs', 'rollcall_migrations']) await run(`drop table ${table}`);
    expect(await found()).toEqual([['failed', expect.stringMatching(/^The database holds tables that Rollcall did not make: core_(?:course|user), core_(?:course|user)\.$/)]]);
  });
});
