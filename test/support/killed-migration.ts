import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect } from 'vitest';

const dist = resolve(import.meta.dirname, '../../dist');

/**
 * Migrates a database up in a process that is killed, with `kill -9`, at its n-th statement with this beginning: once
 * the statement is sent to the server or, on SQLite, which runs in the process, before it.
 */
export async function migrateUntilKilled(
  url: string,
  { begins, n }: { readonly begins: string; readonly n: number },
): Promise<void> {
  const end = "process.kill(process.pid, 'SIGKILL')";
  const program = `
    import { openDatabase } from '${dist}/database/database.js';
    import { migrateUp } from '${dist}/database/schema/migrate-up.js';
    let begun = 0;
    const database = await openDatabase('${url}');
    database.config.set('onQuery', sql => {
      if (sql.startsWith('${begins}') && ++begun === ${n}) ${url.startsWith('sqlite') ? end : `setImmediate(() => ${end})`};
      return sql;
    });
    await migrateUp(database);
    await database.close(true);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
}
