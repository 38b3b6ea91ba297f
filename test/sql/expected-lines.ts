import type { Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { databaseKinds } from '../../src/database/dialects/dialects.js';
import { describeAmong } from '../support/describe-among.js';
import { clientsOf, programOfClient, scriptText, type ClientName, type Line } from '../support/sql-clients.js';
import { kinds } from '../support/databases.js';

/** Runs the same tests in each client of each database, or of the wanted ones. */
export function describeInClients(
  name: string,
  body: (client: ClientName, kind: DatabaseKind) => void,
  wanted: readonly DatabaseKind[] = databaseKinds,
): void {
  describeAmong(
    wanted.flatMap(kind => clientsOf[kind].map(client => ({ client, kind }))),
    ({ client, kind }) => kinds.includes(kind) && programOfClient(client) !== undefined,
    ({ client, kind }) => `${name} in ${client} on ${kind}`,
    ({ client, kind }) => body(client, kind),
  );
}

/** Returns the script that updates the counts of a kind of database. */
export function updateScript(kind: DatabaseKind): string {
  return scriptText(kind === 'sqlite' ? 'update_total_enrollments.sqlite.sql' : 'update_total_enrollments.sql');
}

/** Returns the rows that a script must list, by COUNT(*), with its words for a match and a mismatch. */
export async function expectedLines(database: Database, match: 'OK' | 'MATCH'): Promise<Line[]> {
  const counted = (column: string, condition: string): string =>
    `select c.id, c.title, '${column}' as counter, c.${column} as stored_count, (select count(*) from core_enrollments e where e.course_id = c.id and ${condition}) as actual_count from core_course c`;
  const rows = await database.em
    .getConnection()
    .execute<Record<string, unknown>[]>(
      `${counted('total_enrollments', '1 = 1')} union all ${counted('active_enrollments', "cast(e.status as char) = 'active'")} order by id, counter desc`,
    );
  return rows.map(({ id, title, counter, stored_count: stored, actual_count: actual }) => ({
    id: String(id),
    title: String(title),
    counter: String(counter),
    stored: String(stored),
    actual: String(actual),
    result: Number(stored) === Number(actual) ? match : 'MISMATCH',
  }));
}

/** Returns the summary of the rows that a script must list. */
export function expectedSummary(lines: readonly Line[]): Line {
  return {
    courses: String(lines.length / 2),
    mismatches: String(lines.filter(({ result }) => result === 'MISMATCH').length),
  };
}
