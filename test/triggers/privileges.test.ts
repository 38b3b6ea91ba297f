import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { installTriggers, triggerStatus } from 'mikro-orm-counters';
import { openDatabase } from '../../src/database/database.js';
import { describeOnMySql, freshUrl } from '../support/databases.js';
import { migrate } from '../support/migrated.js';

describeOnMySql('a user who may not change triggers', kind => {
  it('a user who may not change triggers is told which privileges are missing, and nothing is installed', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    await migrate(database);
    const [user, password, name] = [
      `u${randomBytes(6).toString('hex')}`,
      randomBytes(9).toString('hex'),
      url.slice(url.lastIndexOf('/') + 1),
    ];
    const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');
    await run(`create user '${user}'@'%' identified by '${password}'`);
    await run(`grant select, insert, update, delete on ${name}.* to '${user}'@'%'`);
    onTestFinished(async () => {
      await run(`drop user '${user}'@'%'`);
      await database.close(true);
      await drop();
    });

    // A server looks up the privileges of a user when the connection is made.
    const install = async () => {
      const limited = await openDatabase(url.replace('root@', `${user}:${password}@`));
      try {
        return await installTriggers(limited.em, { guard: true });
      } finally {
        await limited.close(true);
      }
    };
    const refused = {
      code: 'COUNTER_STRATEGY',
      message: expect.stringContaining('Grant the privileges TRIGGER and LOCK TABLES.'),
    };
    await expect(install()).rejects.toMatchObject(refused);
    await run(`grant lock tables on ${name}.* to '${user}'@'%'`);
    await expect(install()).rejects.toMatchObject(refused);
    expect((await triggerStatus(database.em)).present).toEqual([]);
    await run(`grant trigger on ${name}.* to '${user}'@'%'`);
    expect((await install()).created).toHaveLength(8);

    // MariaDB shows the names of triggers to such a user, and not what they do.
    await run(`revoke trigger on ${name}.* from '${user}'@'%'`);
    await expect(install()).rejects.toMatchObject(refused);
    expect(await triggerStatus(database.em)).toMatchObject({ guarded: true, missing: [], different: [] });
  });
});
