import type { EnrollmentStatus } from '../../../entities/index.js';
import { ok, warning, type Finding } from '../../doctor/finding.js';
import { columnsIn, type DatabaseMap } from '../../../map/map-form.js';
import { choiceIn, textOf, type TheirRow } from '../../../map/sources.js';
import { keyTextOf } from '../found/key-kinds.js';
import type { Examined } from './examined.js';
import { quantity } from '../../words.js';
import { MAX_NAMED_ROWS } from './examined.js';

/** The counts that an application may have stored, each with the enrollments that it counts. */
const countedStatuses = {
  totalEnrollments: null,
  activeEnrollments: 'ACTIVE',
} as const satisfies Record<keyof NonNullable<DatabaseMap['courses']['counts']>, keyof typeof EnrollmentStatus | null>;

/** Compares the counts that the application has stored with its rows. */
export async function countFindings({ theirs, map }: Examined): Promise<Finding[]> {
  const { courses, enrollments } = map;
  const findings: Finding[] = [];
  for (const [count, column] of Object.entries(courses.counts ?? {})) {
    const status = countedStatuses[count as keyof typeof countedStatuses];
    const condition = status === null ? '' : await conditionOf(theirs, map, status);
    if (condition === null) continue;
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

/** Returns the condition that an enrollment has one of our statuses; null if the map does not say it by one column. */
async function conditionOf(
  theirs: Examined['theirs'],
  { enrollments }: DatabaseMap,
  status: keyof typeof EnrollmentStatus,
): Promise<string | null> {
  const source = enrollments.columns.status;
  const columns = columnsIn(source);
  if (columns.length === 0) return 'value' in source && source.value === status ? '' : null;
  if (columns.length > 1) return null;
  // By the values as they are spelt there, so that the comparison is the map's and not that of a collation.
  const values = (await theirs.values(enrollments.table, columns[0]!)).filter(({ value }) => {
    const chosen = choiceIn(source, { [columns[0]!]: value });
    return 'name' in chosen && chosen.name === status;
  });
  if (values.length === 0) return ' and 1 = 0';
  const name = `e.${theirs.name(columns[0]!)}`;
  const given = values.map(({ value }) => value).filter(value => value !== null);
  const conditions = [
    ...(given.length > 0 ? [`${name} in (${given.map(value => theirs.value(value)).join(', ')})`] : []),
    ...(given.length < values.length ? [`${name} is null`] : []),
  ];
  return ` and (${conditions.join(' or ')})`;
}

function shown(row: TheirRow): string {
  return `course ${keyTextOf(row['course'])} stores ${textOf(row['told']) ?? 'nothing'} and has ${textOf(row['actual'])}`;
}
