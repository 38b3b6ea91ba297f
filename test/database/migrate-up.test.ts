import { expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { openDatabase } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { migrationLock } from '../../src/database/dialects/mysql-and-mariadb/migration-lock.js';
import { migrationLock as advisoryLock } from '../../src/database/dialects/postgresql/migration-lock.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { namedLockWaits } from '../support/lock-waits.js';
import { isMySql } from '../support/server.js';

describeOnEach('migrating up', kind => {
  const names = dialects[kind].schema.migrations.map(({ name }) => name);

  it('migrating up applies each migration once when several processes start at the same moment', async () => {
    const { url, drop } = freshUrl(kind);
    const databases = await Promise.all([1, 2, 3, 4].map(() => openDatabase(url)));
    const applied = await Promise.all(databases.map(database => migrateUp(database)));
    expect(applied.flat()).toEqual(names);
    expect(await databases[0]!.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    expect(await migrateUp(databases[0]!)).toEqual([]);
    await Promise.all(databases.map(database => database.close(true)));
    await drop();
  });

  // SQLite has its own lock on the file.
  if (kind === 'sqlite') return;

  it('migrating up waits while another process migrates', async () => {
    const { url, drop } = freshUrl(kind);
    const [other, database] = [await openDatabase(url), await openDatabase(url)];
    await other.migrator.getPending();
    const migrated = await other.em.fork().transactional(async em => {
      await em.execute(
        isMySql(kind) ? `select get_lock(${migrationLock}, 0)` : `select pg_advisory_lock(${advisoryLock})`,
      );
      let ended = false;
      const migrating = migrateUp(database).finally(() => (ended = true));
      while (!ended && !(await namedLockWaits(other)));
      expect(await other.migrator.getExecuted()).toEqual([]);
      await em.execute(
        isMySql(kind) ? `select release_lock(${migrationLock})` : `select pg_advisory_unlock(${advisoryLock})`,
      );
      return migrating;
    });
    expect(migrated).toEqual(names);
    await other.close(true);
    await database.close(true);
    await drop();
  });
});
