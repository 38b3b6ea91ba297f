import { expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Role } from '../../src/entities/index.js';
import { lockUsers } from '../../src/use-cases/locked-rows.js';
import { describeOnServers, freshDatabase } from '../support/databases.js';
import { addUsers } from '../support/rows.js';
import { numberKey } from '../support/keys.js';

describeOnServers('locking users', kind => {
  // Few users: then the servers read the index of addresses, which has all ids, instead of the rows.
  it('users whose rows another transaction has locked are left out, and all others are locked', async () => {
    const { database, drop } = await freshDatabase(kind);
    const users = await addUsers(database, Role.STUDENT, 4);
    for (const locked of users) {
      const [other, own] = [database.em.fork(), database.em.fork() as SqlEntityManager];
      await other.begin();
      await other.execute('select id from core_user where id = ? for update', [locked]);
      await own.begin();
      const found = await lockUsers(own, users, 'skip');
      expect([...found].toSorted((one, two) => numberKey(one) - numberKey(two))).toEqual(
        users.filter(id => id !== locked),
      );
      await own.rollback();
      await other.rollback();
    }
    await drop();
  });
});
