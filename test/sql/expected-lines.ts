import { inject } from 'vitest';
import { dialectOf, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { databaseKinds } from '../../src/database/dialects/dialects.js';
import { describeAmong } from '../support/describe-among.js';
import { clientsOf, programOfClient, scriptText, type ClientName, type Line } from '../support/sql-clients.js';

/** Runs the same tests in each client of each database, or of the wanted ones. */
export function describeInClients(
  name: string,
  body: (client: ClientName, kind: DatabaseKind) => void,
  wanted: readonly DatabaseKind[] = databaseKinds,
): void {
  describeAmong(
    wanted.flatMap(kind => clientsOf[kind].map(client => ({ client, kind }))),
    ({ client, kind }) =>
      (kind === 'sqlite' || inject('servers')[kind] !== undefined) && programOfClient(client) !== undefined,
    ({ client, kind }) => `${name} in ${client} on ${kind}`,
    ({ client, kind }) => body(client, kind),
  );
}

/** Returns the script that updates the counts of a kind of database. */
export function updateScript(kind: DatabaseKind): string {
  const isShared = kind === 'mysql' || kind === 'mariadb';
  return scriptText(`update_total_enrollments${isShared ? '' : `.${kind}`}.sql`);
}

/** Returns the script that verifies the counts of a kind of database. */
export function verifyScript(kind: DatabaseKind): string {
  return scriptText(`verify_enrollment_counts${kind === 'postgresql' ? `.${kind}` : ''}.sql`);
}

/** Returns the code with which a client ends at an error of a script. */
export function errorCodeOf(client: ClientName): number {
  return client === 'psql' ? 3 : 1;
}

/** Returns the rows that a script must list, by COUNT(*), with its words for a match and a mismatch. */
export async function expectedLines(database: Database, match: 'OK' | 'MATCH'): Promise<Line[]> {
  const counted = (column: string, condition: string): string =>
    `select c.id, c.title, '${column}' as counter, c.${column} as stored_count, (select count(*) from core_enrollments e where e.course_id = c.id and ${condition}) as actual_count from core_course c`;
  // "Active" equals "active" in many collations.
  const status = dialectOf(database).kind === 'postgresql' ? 'e.status' : 'cast(e.status as char)';
  const rows = await database.em
    .getConnection()
    .execute<Record<string, unknown>[]>(
      `${counted('total_enrollments', '1 = 1')} union all ${counted('active_enrollments', `${status} = 'active'`)} order by id, counter desc`,
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
