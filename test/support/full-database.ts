/** Runs one statement in the same session. */
type Query = (sql: string) => Promise<unknown>;

/** The error of a table or file without free space. */
const ER_RECORD_FILE_FULL = 1114;

/**
 * Fills the file of the tables of a MySQL server that was started with one of a fixed size (innodb-data-file-path,
 * innodb-file-per-table=OFF), by a transaction that stays open; returns a function that undoes that.
 */
export async function fillFile(query: Query, schema: string): Promise<() => Promise<unknown>> {
  await query('set global innodb_file_per_table = off');
  await query(
    `create table if not exists ${schema}.filler (id int auto_increment primary key, text longtext) engine = innodb`,
  );
  await query('begin');
  await untilFull(() => query(`insert into ${schema}.filler (text) values (repeat("x", 500000))`));
  return () => query('rollback');
}

/**
 * Makes each new row of some tables need room in a table that has none. MariaDB, whose undo log is in the file of the
 * tables, aborts when that file is full, and so does MySQL when a transaction that others have made large is rolled
 * back then.
 */
export async function fillTable(
  query: Query,
  schema: string,
  tables: readonly string[] = ['core_course'],
): Promise<() => Promise<unknown>> {
  await query('set max_heap_table_size = 16384');
  await query(`create table if not exists ${schema}.filler (text char(255)) engine = memory`);
  await untilFull(() => query(`insert into ${schema}.filler values ("x")`));
  for (const table of tables)
    await query(
      `create trigger ${schema}.fill_${table} before insert on ${schema}.${table} for each row insert into ${schema}.filler values ("x")`,
    );
  return async () => {
    for (const table of tables) await query(`drop trigger ${schema}.fill_${table}`);
  };
}

async function untilFull(insert: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await insert();
    } catch (error) {
      if ((error as { errno?: number }).errno === ER_RECORD_FILE_FULL) return;
      throw error;
    }
  }
}
