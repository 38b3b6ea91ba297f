import { CourseStatus, EnrollmentStatus } from '../../../entities/index.js';
import { quotedCell } from '../../import/bad-row.js';
import { ok } from '../../doctor/finding.js';
import { columnsIn, type ChoiceSource, type TruthSource } from '../../../map/map-form.js';
import { choiceIn, textOf, truthIn, type TheirRow } from '../../../map/sources.js';
import type { Examined } from './examined.js';
import { oddRows, type RowFinding } from './odd-rows.js';
import { quantity } from '../../words.js';

/** Counts the rows of each value that the map translates, and finds values that it does not name. */
export async function valueFindings({ theirs, map }: Examined): Promise<RowFinding[]> {
  const findings: RowFinding[] = [];
  const choices: readonly (readonly [table: string, field: string, source: ChoiceSource, names: readonly string[]])[] =
    [
      // Users are the other application's own.
      [map.users.table, 'role', map.users.columns.role, []],
      [map.courses.table, 'status', map.courses.columns.status, Object.keys(CourseStatus)],
      [map.enrollments.table, 'status', map.enrollments.columns.status, Object.keys(EnrollmentStatus)],
    ];
  for (const [table, field, source, names] of choices) {
    findings.push(...missingNames(table, field, source, names));
    findings.push(
      ...(await examined({ theirs, table, field, columns: columnsIn(source) }, row => {
        const chosen = choiceIn(source, row);
        return 'name' in chosen ? chosen.name : { unknown: chosen.unknown };
      })),
    );
  }
  const published: TruthSource = map.courses.columns.isPublished;
  findings.push(
    ...(await examined(
      { theirs, table: map.courses.table, field: 'isPublished', columns: columnsIn(published) },
      row => {
        const truth = truthIn(published, row);
        return typeof truth === 'boolean' ? String(truth) : { unknown: truth.unknown };
      },
    )),
  );
  return findings;
}

/** Finds values of ours for which a map has none of theirs: no row of theirs can be given these. */
function missingNames(table: string, field: string, source: ChoiceSource, names: readonly string[]): RowFinding[] {
  const [first] = 'firstOf' in source ? source.firstOf : [source];
  if (first === undefined || 'value' in first) return [];
  const missing = names.filter(name => !(name in first.values));
  if (missing.length === 0) return [];
  return [
    oddRows(
      `${table}.${first.column} (${field}) has no value for ${missing.join(', ')}, by the map.`,
      { inCopy: 'A copy needs none.', inPlace: 'A change to one of these is NOT_WRITABLE.' },
      `Add one of theirs for each to the "values" of ${field}, if the application has one.`,
    ),
  ];
}

interface CheckedPlace extends Pick<Examined, 'theirs'> {
  readonly table: string;
  readonly field: string;
  readonly columns: readonly string[];
}

async function examined(
  { theirs, table, field, columns }: CheckedPlace,
  read: (row: TheirRow) => string | { readonly unknown: unknown },
): Promise<RowFinding[]> {
  if (columns.length === 0) return [];
  const known = new Map<string, string[]>();
  const unknown: string[] = [];
  let lost = 0;
  for (const { row, rows } of await theirs.combinations(table, [...new Set(columns)])) {
    const ours = read(row);
    const shown = columns.map(column => quotedCell(textOf(row[column]) ?? '')).join(' and ');
    if (typeof ours === 'string') known.set(ours, [...(known.get(ours) ?? []), `${shown} ${rows}`]);
    else {
      unknown.push(`${shown} ${rows}`);
      lost += rows;
    }
  }
  const place = `${table}.${columns.join(' + ')}`;
  const values = [...known].map(([ours, spelt]) => `${ours} ← ${spelt.join(', ')}`);
  return [
    ...(values.length > 0 ? [ok(`${place} (${field}), with the number of rows: ${values.join('; ')}.`)] : []),
    ...(unknown.length > 0
      ? [
          oddRows(
            `${place} (${field}) has values that the map does not name: ${unknown.join(', ')}.`,
            {
              inCopy: `A copy rejects ${quantity(lost, 'row')}.`,
              inPlace: 'They stay as they are, and are shown as unknown.',
            },
            `Add each to the "values" of ${field} in the map, or name an "otherwise".`,
          ),
        ]
      : []),
  ];
}
