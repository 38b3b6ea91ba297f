import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser } from '../support/api.js';
import { describeOnServers, freshUrl } from '../support/databases.js';
import { migrate } from '../support/migrated.js';
import { plainClient } from '../support/plain-client.js';
import { emptied, madeDatabase, type MadeDatabase } from '../support/used-databases.js';
import { waitUntil } from '../support/wait.js';

/** A change of a database that would reach the tests after it, on MySQL and MariaDB and on PostgreSQL. */
type Change = Readonly<Record<'mysql' | 'postgresql', string | null>>;

const both = (sql: string): Change => ({ mysql: sql, postgresql: sql });

/** One change of each kind of thing that a database has. */
const changes: Readonly<Record<string, Change>> = {
  'a new table': both('create table other (id integer)'),
  'a new view': both('create view titles as select title from core_course'),
  'a new column': both('alter table core_user add column age integer'),
  'the default of a column': both("alter table core_course alter column title set default 'none'"),
  'a new index': both('create index by_name on core_user (name)'),
  'the name of an index': {
    mysql: 'alter table core_user rename index by_name to by_names',
    postgresql: 'alter index by_name rename to by_names',
  },
  'a foreign key less': both('alter table core_recount_changes drop constraint core_recount_changes_run_id_foreign'),
  'a new check': both('alter table core_user add constraint aged check (age > 0)'),
  'a new trigger': {
    mysql: 'create trigger other before insert on core_user for each row set new.name = upper(new.name)',
    postgresql:
      'create trigger other before update on core_user for each row execute function suppress_redundant_updates_trigger()',
  },
  'a new routine': {
    mysql: 'create procedure other() select 1',
    postgresql: "create function other() returns integer language sql as 'select 1'",
  },
  'a comment': {
    mysql: "alter table core_user comment = 'people'",
    postgresql: "comment on table core_user is 'people'",
  },
  'a setting': {
    mysql: 'alter database collate = utf8mb4_bin',
    postgresql: "do $$ begin execute format('alter database %I set work_mem = 8192', current_database()); end $$",
  },
  'a privilege': { mysql: null, postgresql: 'grant select on core_user to public' },
  'what the server knows of the values': {
    mysql: null,
    postgresql:
      "insert into core_user (name, email, role, created_at, updated_at) values ('A', 'b', 'admin', now(), now()); analyze core_user",
  },
  'the record of the migrations': both("delete from rollcall_migrations where name like '%initial%'"),
  'a table less': both('drop table core_recount_changes'),
};

describeOnServers('a database that a test has used', kind => {
  const { url, drop } = freshUrl(kind);
  beforeAll(async () => {
    const database = await openDatabase(url);
    await migrate(database);
    await database.close(true);
  });
  afterAll(drop);

  const made = (): Promise<MadeDatabase> => madeDatabase(kind, url, drop);

  /** Returns what a database is once the session that changed it has ended. */
  async function stateOf(one: MadeDatabase): Promise<string> {
    let state = 'in use';
    await waitUntil(async () => (state = await emptied(one)) !== 'in use', 'A session did not end.');
    return state;
  }

  it('a database that a test has used is empty for the next test, and its keys begin with 1, once its sessions have ended', async () => {
    const before = await made();
    for (let time = 0; time < 2; time += 1) {
      const database = await openDatabase(url);
      const [user, course] = [await addUser(database, Role.STUDENT), await addCourse(database)];
      expect([user, course, await addEnrollment(database, course, user)]).toEqual([1, 1, 1]);
      expect(await emptied(before)).toBe('in use');
      await database.close(true);
      expect(await stateOf(before)).toBe('empty');
    }
  });

  it('a database that a test has used is of no use to the next test if anything else has changed', async () => {
    const states: Record<string, string> = {};
    for (const [what, sql] of Object.entries(changes)) {
      const statement = sql[kind === 'postgresql' ? 'postgresql' : 'mysql'];
      if (statement === null) continue;
      const before = await made();
      const client = await plainClient(url);
      await client.query(statement);
      await client.end();
      states[what] = await stateOf(before);
    }
    expect(states).toEqual(Object.fromEntries(Object.keys(states).map(what => [what, 'changed'])));
  });
});
