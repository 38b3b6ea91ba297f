import { driftSql, enrollmentsSql, type Row } from '../crash/ledger.ts';
import type { SoakDatabase } from './database.ts';
import type { Counts, Listener } from './listeners.ts';
import type { Load } from './load.ts';
import type { Problems } from './problems.ts';

/** Returns the number of courses whose stored and actual counts differ. */
export async function checkDrift(database: SoakDatabase, problems: Problems): Promise<number> {
  const drift = await database.query(driftSql);
  if (drift.length > 0) problems.add('stored and actual counts differ', JSON.stringify(drift.slice(0, 3)));
  return drift.length;
}

/** Returns the number of contradictions between the answers to callers and the rows. */
export async function checkRows(database: SoakDatabase, load: Load, problems: Problems): Promise<number> {
  const [titles, emails] = [
    await database.query<{ name: string }>('select title as name from core_course'),
    await database.query<{ name: string }>('select email as name from core_user'),
  ];
  const lost = [
    ...load.ledger.contradictions(await database.query<Row>(enrollmentsSql)),
    ...load.changes.courses.contradictions(namesIn(titles)),
    ...load.changes.users.contradictions(namesIn(emails)),
  ];
  if (lost.length > 0) problems.add('the rows contradict the answers to callers', lost.slice(0, 3).join('; '));
  return lost.length;
}

/** Returns a function that compares the last message of each listener about each course with the stored counts. */
export async function listenerChecks(
  database: SoakDatabase,
  listeners: readonly Listener[],
): Promise<() => readonly string[]> {
  const stored = new Map(
    (
      await database.query<{ id: number; total: number; active: number }>(
        'select id, total_enrollments as total, active_enrollments as active from core_course',
      )
    ).map(({ id, total, active }) => [
      String(id),
      { totalEnrollments: Number(total), activeEnrollments: Number(active) },
    ]),
  );
  return () => listeners.flatMap(listener => contradictionsOf(listener, stored));
}

function namesIn(rows: readonly { readonly name: string }[]): Set<string> {
  return new Set(rows.map(({ name }) => name));
}

function contradictionsOf({ name, courseIds, last }: Listener, stored: ReadonlyMap<string, Counts>): string[] {
  const ids = courseIds ?? new Set([...stored.keys(), ...last.keys()]);
  return [...ids].flatMap(id => {
    const [received, expected] = [last.get(id), stored.get(id) ?? null];
    const isRight =
      expected === null
        ? !received
        : received?.totalEnrollments === expected.totalEnrollments &&
          received.activeEnrollments === expected.activeEnrollments;
    return isRight
      ? []
      : [`${name} has ${JSON.stringify(received ?? null)} for course ${id}, which is ${JSON.stringify(expected)}`];
  });
}
