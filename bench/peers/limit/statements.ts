import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { createPool, type ResultSetHeader, type RowDataPacket } from 'mysql2';

type Value = string | number;

/** The statements of a database. */
export interface Statements {
  /** Runs a prepared statement, and returns its rows as lists of values. */
  readonly rows: (sql: string, values: readonly Value[]) => Promise<(Value | null)[][]> | (Value | null)[][];
  /** Enrolls a student, and returns the id of the enrollment. */
  readonly enroll: (course: number, student: number) => Promise<number>;
}

/** Returns the statements of the database that a URL names. */
export function statementsOf(url: string): Statements {
  return url.startsWith('sqlite:') ? ofFile(url.slice('sqlite:'.length)) : ofServer(new URL(url));
}

/** As many connections as Rollcall has. */
const CONNECTIONS = 20;

// The course comes first, so that no lock is upgraded, and all four statements go in one round trip.
const ENROLL = `start transaction;
update core_course set total_enrollments = total_enrollments + 1, active_enrollments = active_enrollments + 1 where id = ?;
insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (?, ?, 'active', now(3), now(3));
commit`;

function ofServer({ hostname, port, username, pathname }: URL): Statements {
  const pool = createPool({
    host: hostname,
    port: Number(port),
    user: username,
    database: pathname.slice(1),
    connectionLimit: CONNECTIONS,
    multipleStatements: true,
  }).promise();
  return {
    async rows(sql, values) {
      // MySQL takes the number of a LIMIT as a text only.
      const [rows] = await pool.execute<RowDataPacket[][]>({ sql, rowsAsArray: true }, values.map(String));
      return rows as unknown as (Value | null)[][];
    },
    async enroll(course, student) {
      const connection = await pool.getConnection();
      try {
        const [results] = await connection.query<ResultSetHeader[]>(ENROLL, [course, course, student]);
        return results[2]!.insertId;
      } catch (error) {
        await connection.query('rollback');
        throw error;
      } finally {
        connection.release();
      }
    },
  };
}

function ofFile(path: string): Statements {
  const file = new DatabaseSync(path);
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = prepared.get(sql);
    if (!statement) {
      statement = file.prepare(sql);
      statement.setReturnArrays(true);
      prepared.set(sql, statement);
    }
    return statement;
  };
  return {
    rows: (sql, values) => prepare(sql).all(...values) as unknown as (Value | null)[][],
    enroll: () => Promise.reject(new Error('Writes are compared on MySQL.')),
  };
}
