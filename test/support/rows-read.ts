import { createConnection } from 'mysql2/promise';

/** A connection that tells how many rows the server reads for a statement. */
export interface ReadCounter {
  readonly rowsReadBy: (sql: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

/**
 * The ways in which MySQL and MariaDB read a row: by a key, and the first, last, next and previous one in an index. Rows
 * of temporary tables are read in others.
 */
const READS = ['key', 'first', 'last', 'next', 'prev'].map(way => `Handler_read_${way}`);

/** Connects to the database of a URL, on MySQL or MariaDB. */
export async function readCounter(url: string): Promise<ReadCounter> {
  const connection = await createConnection({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    timezone: 'Z',
  });
  const read = async (): Promise<number> => {
    const [rows] = await connection.query("show session status like 'Handler_read_%'");
    return (rows as { Variable_name: string; Value: string }[])
      .filter(({ Variable_name: name }) => READS.includes(name))
      .reduce((sum, { Value: value }) => sum + Number(value), 0);
  };
  // Reading the status may count as well.
  await read();
  const before = await read();
  let last = await read();
  const ofStatus = last - before;
  return {
    async rowsReadBy(sql) {
      const start = last;
      await connection.query(sql);
      last = await read();
      return last - start - ofStatus;
    },
    close: () => connection.end(),
  };
}
