import { alteredTables, type AlteredTable, type Way } from '../altered-tables.js';
import { besideOthers, MAX_CONFLICT_SECONDS } from '../beside-others.js';
import type { RequiredPrivilege } from '../migration-entry.js';
import { MigrationRefused } from '../migration-refused.js';
import { riskOfFullLog } from './redo-log.js';

/** The way in which a table is changed, as SQL; the database refuses the statement if it would have to lock more. */
const ways: Readonly<Record<Way, string>> = {
  copies: 'algorithm = copy, lock = shared',
  builds: 'algorithm = inplace, lock = none',
  keeps: 'algorithm = inplace, lock = none',
};

/** A change of a table by clauses of ALTER TABLE, and how to run SQL. */
interface Alteration {
  readonly table: string;
  readonly clauses: readonly string[];
  readonly way: Way;
  readonly execute: (sql: string) => Promise<readonly object[]>;
}

/**
 * Changes a table, and publishes it on the channel if it has rows, because an empty table takes no time. Each index is
 * built by a statement of its own: at the end of one statement for all of them MySQL adds to each what others have
 * written since the beginning of the first, and the redo log may have no room for that (see riskOfFullLog). Errors:
 * MigrationRefused if others use the table for too long.
 */
export async function alter({ table, clauses, way, execute }: Alteration): Promise<void> {
  const isEmpty = (await execute(`select 1 from ${table} limit 1`)).length === 0;
  const [size] = (await execute(
    `select table_rows as n, (data_length + index_length) / 1000000 as megabytes from information_schema.tables where table_schema = database() and table_name = '${table}'`,
  )) as { n: number; megabytes: number }[];
  const altered: AlteredTable = {
    table,
    way,
    rows: Number(size?.n ?? 0),
    megabytes: Number(size?.megabytes ?? 0),
    risk: way === 'builds' && !isEmpty ? await riskOfFullLog(execute, [table]) : null,
    took: null,
  };
  if (!isEmpty) alteredTables.publish(altered);
  const start = performance.now();
  const [session] = (await execute(
    'select @@session.lock_wait_timeout as of_tables, @@session.innodb_lock_wait_timeout as of_rows',
  )) as { of_tables: number; of_rows: number }[];
  // All others wait behind the statement while it waits for those that use the table.
  await execute(
    `set session lock_wait_timeout = ${MAX_CONFLICT_SECONDS}, innodb_lock_wait_timeout = ${MAX_CONFLICT_SECONDS}`,
  );
  try {
    for (const change of way === 'builds' ? clauses : [clauses.join(', ')])
      await besideOthers(
        () => execute(`alter table ${table} ${change}, ${ways[way]}`),
        error => hasNumber(error, 1213),
      );
  } catch (error) {
    throw hasNumber(error, 1205, 1213)
      ? new MigrationRefused(
          `Others have used the table ${table} for ${MAX_CONFLICT_SECONDS} seconds. What was done before stays as it is. End their transactions ("show full processlist" names them), then migrate again.`,
          { cause: error },
        )
      : error;
  } finally {
    await execute(
      `set session lock_wait_timeout = ${session!.of_tables}, innodb_lock_wait_timeout = ${session!.of_rows}`,
    );
  }
  if (!isEmpty) alteredTables.publish({ ...altered, took: performance.now() - start } satisfies AlteredTable);
}

/** Returns the privileges that ALTER TABLE needs, and those for examining the table before it. */
export function toAlter(tables: readonly string[]): RequiredPrivilege[] {
  return ['ALTER', 'CREATE', 'INSERT', 'SELECT'].map(privilege => ({ privilege, tables }));
}

function hasNumber(error: unknown, ...numbers: readonly number[]): boolean {
  return numbers.includes((error as { errno?: number }).errno ?? 0);
}
