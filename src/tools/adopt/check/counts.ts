import { DerivedValues, NotDerivable } from '../../../database/adoption/derived-value.js';
import { dialectOf } from '../../../database/database.js';
import { countedStatuses, EnrollmentStatus, storedCounts } from '../../../entities/index.js';
import { ok, warning, type Finding } from '../../doctor/finding.js';
import { storedCountsIn } from '../../../map/stored-counts.js';
import { textOf, type TheirRow } from '../../../map/sources.js';
import { keyTextOf } from '../found/key-kinds.js';
import type { Examined } from './examined.js';
import { quantity } from '../../words.js';
import { MAX_NAMED_ROWS } from './examined.js';

/** The counts that an application may have stored, each with the statuses of the enrollments that it counts; null: all. */
const statusesOf = new Map<string, readonly EnrollmentStatus[] | null>(
  storedCounts.map(({ counter }) => [counter.into, countedStatuses(counter)]),
);

/** Compares the counts that the application has stored with its rows. */
export async function countFindings(examined: Examined): Promise<Finding[]> {
  const { theirs, map } = examined;
  const { courses, enrollments } = map;
  const findings: Finding[] = [];
  for (const [count, column] of storedCountsIn(map)) {
    const statuses = statusesOf.get(count)!;
    const condition = statuses === null ? '' : conditionOf(examined, statuses);
    if (condition === null) {
      findings.push(
        warning(
          `${courses.table}.${column} was not compared: no query can read the status of enrollments. A copy counts the rows.`,
        ),
      );
      continue;
    }
    const [table, key] = [theirs.name(courses.table), theirs.name(courses.columns.id)];
    const actual = `(select count(*) from ${theirs.name(enrollments.table)} e where e.${theirs.name(enrollments.columns.course)} = c.${key}${condition})`;
    const drifting = `select c.${key} as course, c.${theirs.name(column)} as told, ${actual} as actual from ${table} c`;
    const wrong = `from (${drifting}) d where d.told is null or d.told <> d.actual`;
    const number = await theirs.number(`select count(*) as n ${wrong}`);
    if (number === 0) {
      findings.push(ok(`${courses.table}.${column} equals the rows in every course.`));
      continue;
    }
    const some = await theirs.rows(
      `select d.course, d.told, d.actual ${wrong} order by d.course limit ${MAX_NAMED_ROWS}`,
    );
    findings.push(
      warning(
        `${courses.table}.${column} drifts in ${quantity(number, 'course')}: ${some.map(shown).join('; ')}. A copy counts the rows.`,
      ),
    );
  }
  return findings.length > 0 ? findings : [ok('The application stores no counts, according to the map.')];
}

/** Returns the condition that an enrollment has one of some statuses, as the map compares; null if SQL cannot say it. */
function conditionOf({ theirs, tables, map }: Examined, statuses: readonly EnrollmentStatus[]): string | null {
  const { table, columns } = map.enrollments;
  const { expressions } = dialectOf(theirs.database).adoption;
  try {
    const choice = new DerivedValues(expressions, tables.get(table)!).choice(columns.status, EnrollmentStatus);
    return ` and ${choice} in (${statuses.map(status => expressions.literal(status)).join(', ')})`;
  } catch (error) {
    if (error instanceof NotDerivable) return null;
    throw error;
  }
}

function shown(row: TheirRow): string {
  return `course ${keyTextOf(row['course'])} stores ${textOf(row['told']) ?? 'nothing'} and has ${textOf(row['actual'])}`;
}
