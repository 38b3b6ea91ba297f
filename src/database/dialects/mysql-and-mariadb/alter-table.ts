import type { SqlEntityManager } from '@mikro-orm/sql';
import { CompiledQuery } from 'kysely';
import { setTimeout as delay } from 'node:timers/promises';
import { hasNumber } from './errors.js';

/** How long a session waits for locks, in seconds. */
interface LockWaits {
  readonly table: number;
  readonly rows: number;
}

/**
 * How long a statement waits for those that use the table: all others wait behind it. What takes long is not given up so
 * soon, since it ends with such a wait too.
 */
const briefly: LockWaits = { table: 2, rows: 2 };
const longer: LockWaits = { table: 30, rows: 1 };

/** The ways of changing a table, from the one that locks least; the server refuses those by which it cannot. */
const ways = [
  { clause: ', algorithm = instant', waits: briefly, takesLong: false },
  { clause: ', algorithm = inplace, lock = none', waits: longer, takesLong: true },
  { clause: ', algorithm = inplace, lock = shared', waits: longer, takesLong: false },
  { clause: '', waits: longer, takesLong: false },
];

/** Sends a statement on one connection. */
type Send = <Row>(sql: string) => Promise<{ readonly rows: readonly Row[] }>;

/**
 * Runs a statement of an adoption; one that changes a table, in the way that locks least.
 *
 * `waitsForReferring`: while it has the table locked, the server also waits for transactions that have changed a table
 * that refers to it. If one of them then uses the table, both wait for each other. The server does not see that, or ends
 * this statement. So all these tables are locked first.
 */
export async function alterTable(
  em: SqlEntityManager,
  sql: string,
  { waitsForReferring }: { readonly waitsForReferring: boolean },
): Promise<void> {
  const client = em.getConnection().getClient();
  await client.connection().execute(async connection => {
    const send: Send = text => connection.executeQuery(CompiledQuery.raw(text));
    const wait = ({ table, rows }: LockWaits) =>
      send(`set session lock_wait_timeout = ${table}, innodb_lock_wait_timeout = ${rows}`);
    const { rows } = await send<LockWaits>(
      'select @@session.lock_wait_timeout as `table`, @@session.innodb_lock_wait_timeout as `rows`',
    );
    const tables = waitsForReferring ? await withReferring(send, sql) : [];
    try {
      for (const { clause, waits, takesLong } of sql.startsWith('alter table') ? ways : ways.slice(-1)) {
        await wait(waits);
        const change = `${sql}${clause}`;
        try {
          if (!takesLong) return await underLocks(send, tables, change);
          await send(change);
          return;
        } catch (error) {
          // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK
          if (takesLong && tables.length > 0 && hasNumber(error, 1205, 1213))
            return await underLocks(send, tables, change);
          // ER_ALTER_OPERATION_NOT_SUPPORTED, ER_ALTER_OPERATION_NOT_SUPPORTED_REASON, ER_INNODB_MAX_ROW_VERSION.
          if (!hasNumber(error, 1845, 1846, 4092) || clause === '') throw error;
        }
      }
    } finally {
      await wait(rows[0]!);
    }
  });
}

/** Returns the table that a statement changes and those that refer to it, quoted; none if no other one does. */
async function withReferring(send: Send, sql: string): Promise<string[]> {
  const table = /^alter table `((?:[^`]|``)+)`/.exec(sql)?.[1]!.replaceAll('``', '`');
  if (table === undefined) return [];
  const { rows } = await send<{ readonly name: string }>(
    `select distinct table_name as name from information_schema.referential_constraints
     where constraint_schema = database() and referenced_table_name = convert(0x${Buffer.from(table).toString('hex')} using utf8mb4)`,
  );
  const referring = rows.map(({ name }) => name).filter(name => name !== table);
  return referring.length === 0 ? [] : [table, ...referring].map(name => `\`${name.replaceAll('`', '``')}\``);
}

/** Runs a statement while nobody else uses some tables, if the user may lock them. */
async function underLocks(send: Send, tables: readonly string[], sql: string): Promise<void> {
  if (tables.length > 0) {
    try {
      await lockAll(send, tables);
    } catch (error) {
      // ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR
      if (!hasNumber(error, 1044, 1142)) throw error;
    }
  }
  try {
    await send(sql);
  } finally {
    if (tables.length > 0) await send('unlock tables');
  }
}

/**
 * How long the attempts to lock tables wait, one after another, in seconds; the last one waits as `briefly` says.
 *
 * An attempt that waits keeps others from using the tables. If one of those has a row locked for which a third waits that
 * uses a table already, the attempt waits for itself, and the server does not see that. So it gives way soon: the next one
 * comes at another moment. Longer transactions need the longer waits.
 */
const ATTEMPT_SECONDS = [0.05, 0.1, 0.2, 0.4, 0.8];

/** Locks tables. Errors: the server's, ER_LOCK_WAIT_TIMEOUT among them. */
async function lockAll(send: Send, tables: readonly string[]): Promise<void> {
  const lock = `lock tables ${tables.map(table => `${table} write`).join(', ')}`;
  const { rows } = await send<{ readonly limit: number | string }>('select @@session.max_statement_time as `limit`');
  for (const seconds of ATTEMPT_SECONDS) {
    try {
      await send(`set session max_statement_time = ${seconds}`);
      await send(lock);
      return;
    } catch (error) {
      // ER_STATEMENT_TIMEOUT
      if (!hasNumber(error, 1969)) throw error;
    } finally {
      await send(`set session max_statement_time = ${rows[0]!.limit}`);
    }
    await delay(Math.random() * seconds * 1000);
  }
  await send(lock);
}
