import { startDatabase, type DatabaseServer } from '../comparison/database-server.ts';
import { startPostgreSql } from '../comparison/postgresql.ts';
import type { DatabaseKind } from '../comparison/store.ts';

/**
 * Starts a server for much data, whose commits wait for no disk: only what statements read and write is measured, and
 * not how long they take to be safe.
 */
export function startLarge(kind: DatabaseKind, folder: string): Promise<DatabaseServer> {
  if (kind === 'postgresql')
    return startPostgreSql(folder, ['fsync=off', 'synchronous_commit=off', 'max_wal_size=4GB']);
  return startDatabase(kind, folder, [
    '--innodb-buffer-pool-size=1G',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=0',
    '--local-infile=1',
    ...(kind === 'mysql'
      ? ['--skip-log-bin', '--innodb-redo-log-capacity=2G', '--innodb-ddl-buffer-size=256M']
      : ['--innodb-log-file-size=1G', '--innodb-sort-buffer-size=64M']),
  ]);
}
