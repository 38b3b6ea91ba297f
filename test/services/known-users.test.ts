import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { KnownUsers } from '../../src/services/known-users.js';
import { deleteUser } from '../../src/services/users.js';
import { operator } from '../../src/services/viewer.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addUsers } from '../support/rows.js';

describeOnEach('a user whom a token names', kind => {
  let database: Database;
  let drop: () => Promise<void>;
  let ids: number[];
  let now = 0;
  let asked: string[];
  const opened: KnownUsers[] = [];

  beforeEach(async () => {
    ({ database, drop } = await freshDatabase(kind));
    ids = await addUsers(database, Role.TEACHER, 3);
    asked = [];
    database.config.set('onQuery', sql => {
      asked.push(sql);
      return sql;
    });
  });
  afterEach(async () => {
    for (const users of opened.splice(0)) users.close();
    await drop();
  });

  function known(options: { checkSeconds?: number; roleFrom?: 'token' | 'database' } = {}): KnownUsers {
    const users = new KnownUsers(database, { checkSeconds: 15, roleFrom: 'token', now: () => now, ...options });
    opened.push(users);
    return users;
  }
  const past = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');

  it('is looked up again after the time that is set, and is refused once gone', async () => {
    const users = known();
    const token = { userId: ids[0]!, role: Role.TEACHER };
    expect(await users.viewerOf(token)).toEqual(token);
    await past(`delete from core_user where id = ${ids[0]}`);
    asked.length = 0;
    now += 14_999;
    expect(await users.viewerOf(token)).toEqual(token);
    expect(asked).toEqual([]);
    now += 1;
    await expect(users.viewerOf(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('does not exist any more') });
    await expect(users.viewerOf({ userId: 999_999, role: Role.ADMIN })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('is looked up each time where the time is 0, and by one statement for all who ask at once', async () => {
    const users = known({ checkSeconds: 0 });
    await Promise.all([...ids, ...ids, ...ids].map(userId => users.viewerOf({ userId, role: Role.TEACHER })));
    expect(asked).toHaveLength(1);
    await users.viewerOf({ userId: ids[0]!, role: Role.TEACHER });
    expect(asked).toHaveLength(2);
  });

  it('has the role of the token, or that of the row where roles come from the database', async () => {
    const claimed = { userId: ids[0]!, role: Role.ADMIN };
    expect(await known().viewerOf(claimed)).toEqual(claimed);
    const users = known({ roleFrom: 'database' });
    expect(await users.viewerOf(claimed)).toEqual({ userId: ids[0], role: Role.TEACHER });
    expect(await users.viewerOf({ userId: ids[1]!, role: null })).toEqual({ userId: ids[1], role: Role.TEACHER });
    await past(`update core_user set role = 'student' where id = ${ids[0]}`);
    now += 15_000;
    expect(await users.viewerOf(claimed)).toEqual({ userId: ids[0], role: Role.STUDENT });
  });

  it('is forgotten at once where this process deletes the user', async () => {
    const users = known();
    const token = { userId: ids[2]!, role: Role.TEACHER };
    await users.viewerOf(token);
    await deleteUser(database, operator, { id: ids[2]! });
    await expect(users.viewerOf(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('who was found before is not turned away while the database fails; another one learns of the failure', async () => {
    const users = known();
    const token = { userId: ids[0]!, role: Role.TEACHER };
    await users.viewerOf(token);
    await past('alter table core_user rename to core_user_gone');
    now += 60_000;
    expect(await users.viewerOf(token)).toEqual(token);
    const error: unknown = await users.viewerOf({ userId: ids[1]!, role: Role.TEACHER }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toMatchObject({ code: 'UNAUTHENTICATED' });
    await past('alter table core_user_gone rename to core_user');
  });

  it('is nobody where a token of an admin names none', async () => {
    expect(await known({ roleFrom: 'database' }).viewerOf(operator)).toEqual(operator);
    expect(asked).toEqual([]);
  });
});
