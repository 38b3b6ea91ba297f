import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { describeOnMySql, freshUrl } from '../support/databases.js';

describeOnMySql('a user with the minimum privileges', kind => {
  const needed = [
    'CREATE',
    'ALTER',
    'SELECT',
    'INSERT',
    'CREATE ROUTINE',
    'ALTER ROUTINE',
    ...(kind === 'mysql' ? ['REFERENCES'] : []),
  ];
  let admin: Database;
  let schema: string;
  let account: string;
  let limited: string;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const fresh = freshUrl(kind);
    ({ drop } = fresh);
    admin = await openDatabase(fresh.url);
    await admin.schema.ensureDatabase();
    schema = new URL(fresh.url).pathname.slice(1);
    const name = `limited_${randomUUID().slice(0, 8)}`;
    account = `'${name}'@'%'`;
    await run(`create user ${account} identified by 'secret'`);
    limited = Object.assign(new URL(fresh.url), { username: name, password: 'secret' }).href;
  });
  afterEach(async () => {
    await run(`drop user ${account}`);
    await admin.close(true);
    await drop();
  });

  const run = (sql: string): Promise<unknown> => admin.em.getConnection().execute(sql, [], 'run');
  const tables = (): Promise<unknown[]> =>
    admin.em
      .getConnection()
      .execute('select table_name as name from information_schema.tables where table_schema = database()');
  async function asUser<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
    const database = await openDatabase(limited);
    try {
      return await work(database);
    } finally {
      await database.close(true);
    }
  }

  it('a user with the minimum privileges migrates, and without any one of them nothing begins and the statement that grants it is named', async () => {
    for (const missing of needed) {
      await run(`grant ${needed.filter(one => one !== missing).join(', ')} on ${schema}.* to ${account}`);
      const refused = {
        code: 'MISSING_PRIVILEGE',
        message: expect.stringContaining(
          `it lacks ${missing} on ${schema}. Nothing was changed. As an administrator: GRANT ${missing} ON \`${schema}\`.* TO ${account}; then migrate again.`,
        ),
      };
      await asUser(database => expect(migrateUp(database)).rejects.toMatchObject(refused));
      expect(await tables()).toEqual([]);
      await run(`revoke all privileges on ${schema}.* from ${account}`);
    }
    await run(`grant ${needed.join(', ')} on ${schema}.* to ${account}`);
    expect(await asUser(database => migrateUp(database))).toHaveLength(dialects[kind].schema.migrations.length);
  });

  it('a user without the privileges for triggers begins nothing where these are to count', async () => {
    await run(`grant ${needed.join(', ')} on ${schema}.* to ${account}`);
    await asUser(database =>
      expect(migrateUp(database, { withTriggers: true })).rejects.toMatchObject({
        code: 'MISSING_PRIVILEGE',
        message: expect.stringContaining('it lacks TRIGGER and LOCK TABLES on'),
      }),
    );
    expect(await tables()).toEqual([]);
  });

  it.each([
    ['for the whole server', () => ['*.*']],
    ['on databases of a pattern', () => [`\`${schema.slice(0, -1).replaceAll('_', '\\_')}%\`.*`]],
  ])('a user migrates with privileges that are granted %s', async (_, places) => {
    for (const place of places()) await run(`grant ${needed.join(', ')} on ${place} to ${account}`);
    expect(await asUser(database => migrateUp(database))).toHaveLength(dialects[kind].schema.migrations.length);
  });

  it('a user migrates with privileges that come from a role', async () => {
    const role = `role_${randomUUID().slice(0, 8)}`;
    await run(`create role ${role}`);
    await run(`grant ${needed.join(', ')} on ${schema}.* to ${role}`);
    await run(`grant ${role} to ${account}`);
    await run(kind === 'mysql' ? `set default role ${role} to ${account}` : `set default role ${role} for ${account}`);
    expect(await asUser(database => migrateUp(database))).toHaveLength(dialects[kind].schema.migrations.length);
    await run(`drop role ${role}`);
  });
});
