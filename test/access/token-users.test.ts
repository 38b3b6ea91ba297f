import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { deletedUsers, TokenUsers } from '../../src/access/token-users.js';
import { deleteUser } from '../../src/use-cases/users.js';
import { operator } from '../../src/access/viewer.js';
import { USER_CHECK } from '../support/api.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addUsers } from '../support/rows.js';
import { lockTable } from '../support/table-lock.js';

describeOnEach('the user of a token', kind => {
  let database: Database;
  let url: string;
  let drop: () => Promise<void>;
  let ids: number[];
  let now = 0;
  let asked: string[];
  const opened: TokenUsers[] = [];

  beforeEach(async () => {
    ({ database, url, drop } = await freshDatabase(kind));
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

  function tokenUsers(options: { checkSeconds?: number; roleFrom?: 'token' | 'database' } = {}): TokenUsers {
    const users = new TokenUsers(database, { checkSeconds: 15, roleFrom: 'token', now: () => now, ...options });
    opened.push(users);
    return users;
  }
  const lookUps = (): string[] => asked.filter(sql => USER_CHECK.test(sql));
  const past = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');

  it('the user of a token is looked up again after the configured time, and is rejected once deleted', async () => {
    const users = tokenUsers();
    const token = { userId: ids[0]!, role: Role.TEACHER };
    expect(await users.viewerOf(token)).toEqual(token);
    await past(`delete from core_user where id = ${ids[0]}`);
    asked.length = 0;
    now += 14_999;
    expect(await users.viewerOf(token)).toEqual(token);
    expect(asked).toEqual([]);
    now += 1;
    await expect(users.viewerOf(token)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('does not exist any more'),
    });
    await expect(users.viewerOf({ userId: 999_999, role: Role.ADMIN })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it('the user of a token is looked up each time where the time is 0, by one statement for all simultaneous requests', async () => {
    const users = tokenUsers({ checkSeconds: 0 });
    await Promise.all([...ids, ...ids, ...ids].map(userId => users.viewerOf({ userId, role: Role.TEACHER })));
    expect(asked).toHaveLength(1);
    await users.viewerOf({ userId: ids[0]!, role: Role.TEACHER });
    expect(asked).toHaveLength(2);
  });

  it('the user of a token is looked up once for all requests while that look is under way', async () => {
    const users = tokenUsers({ checkSeconds: 0 });
    const token = { userId: ids[0]!, role: Role.TEACHER };
    const release = await lockTable(database, url, 'core_user');
    asked.length = 0;
    const looks = [];
    for (let turn = 0; turn < 5; turn += 1) {
      looks.push(users.viewerOf(token));
      await setImmediate();
    }
    await release();
    expect(await Promise.all(looks)).toEqual(looks.map(() => token));
    expect(lookUps()).toHaveLength(1);
  });

  it('the user of a token is looked up again where this process deleted the user during a look', async () => {
    const users = tokenUsers();
    const token = { userId: ids[0]!, role: Role.TEACHER };
    const release = await lockTable(database, url, 'core_user');
    asked.length = 0;
    const look = users.viewerOf(token);
    await setImmediate();
    deletedUsers.publish({ database, id: ids[0]! });
    await release();
    await look;
    // The first one may have read the user before the delete.
    expect(lookUps()).toHaveLength(2);
  });

  it('the user of a token has the role of the token, or that of the row where roles come from the database', async () => {
    const claimed = { userId: ids[0]!, role: Role.ADMIN };
    expect(await tokenUsers().viewerOf(claimed)).toEqual(claimed);
    const users = tokenUsers({ roleFrom: 'database' });
    expect(await users.viewerOf(claimed)).toEqual({ userId: ids[0], role: Role.TEACHER });
    expect(await users.viewerOf({ userId: ids[1]!, role: null })).toEqual({ userId: ids[1], role: Role.TEACHER });
    await past(`update core_user set role = 'student' where id = ${ids[0]}`);
    now += 15_000;
    expect(await users.viewerOf(claimed)).toEqual({ userId: ids[0], role: Role.STUDENT });
  });

  it('the user of a token is forgotten at once where this process deletes the user', async () => {
    const users = tokenUsers();
    const token = { userId: ids[2]!, role: Role.TEACHER };
    await users.viewerOf(token);
    await deleteUser(database, operator, { id: ids[2]! });
    await expect(users.viewerOf(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('a known user is not rejected while the database fails, and an unknown one gets the failure', async () => {
    const users = tokenUsers();
    const token = { userId: ids[0]!, role: Role.TEACHER };
    await users.viewerOf(token);
    await past('alter table core_user rename to core_user_gone');
    now += 60_000;
    expect(await users.viewerOf(token)).toEqual(token);
    const error: unknown = await users
      .viewerOf({ userId: ids[1]!, role: Role.TEACHER })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toMatchObject({ code: 'UNAUTHENTICATED' });
    await past('alter table core_user_gone rename to core_user');
  });

  it('an admin whose token names no user is no user', async () => {
    expect(await tokenUsers({ roleFrom: 'database' }).viewerOf(operator)).toEqual(operator);
    expect(asked).toEqual([]);
  });
});
