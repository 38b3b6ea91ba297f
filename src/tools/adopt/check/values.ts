import { CourseStatus, EnrollmentStatus } from '../../../entities/index.js';
import { quotedCell } from '../../import/bad-row.js';
import { ok } from '../../doctor/finding.js';
import { columnsIn, type ChoiceSource, type TruthSource } from '../../../map/map-form.js';
import { choiceIn, textOf, truthIn, type TheirRow } from '../../../map/sources.js';
import { isInactive } from '../copy/our-rows.js';
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
    const { users } = map;
    const beside = field === 'role' && users.inactive ? [users.inactive.column] : [];
    findings.push(
      ...(await examined({ theirs, table, field, columns: columnsIn(source), beside }, row => {
        // Whatever their role says, they get that of students.
        if (beside.length > 0 && isInactive(users, row)) return 'STUDENT, as inactive';
        const chosen = choiceIn(source, row);
        return 'name' in chosen ? chosen.name : { unknown: chosen.unknown };
      })),
    );
  }
  const published: TruthSource = map.courses.columns.isPublished;
  findings.push(
    ...(await examined(
      { theirs, table: map.courses.table, field: 'isPublished', columns: columnsIn(published), beside: [] },
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
  /** The columns that decide too, and are not shown. */
  readonly beside: readonly string[];
}

async function examined(
  { theirs, table, field, columns, beside }: CheckedPlace,
  read: (row: TheirRow) => string | { readonly unknown: unknown },
): Promise<RowFinding[]> {
  if (columns.length === 0) return [];
  const known = new Map<string, Spellings>();
  const unknown: Spellings = new Map();
  for (const { row, rows } of await theirs.combinations(table, [...new Set([...columns, ...beside])])) {
    const ours = read(row);
    const shown = columns.map(column => quotedCell(textOf(row[column]) ?? '')).join(' and ');
    const spellings = typeof ours === 'string' ? (known.get(ours) ?? new Map<string, number>()) : unknown;
    if (typeof ours === 'string') known.set(ours, spellings);
    spellings.set(shown, (spellings.get(shown) ?? 0) + rows);
  }
  const place = `${table}.${columns.join(' + ')}`;
  const values = [...known].map(([ours, spellings]) => `${ours} ← ${inWords(spellings)}`);
  return [
    ...(values.length > 0 ? [ok(`${place} (${field}), with the number of rows: ${values.join('; ')}.`)] : []),
    ...(unknown.size > 0
      ? [
          oddRows(
            `${place} (${field}) has values that the map does not name: ${inWords(unknown)}.`,
            {
              inCopy: `A copy rejects ${quantity(
                [...unknown.values()].reduce((sum, rows) => sum + rows),
                'row',
              )}.`,
              inPlace: 'They stay as they are, and are shown as unknown.',
            },
            `Add each to the "values" of ${field} in the map, or name an "otherwise".`,
          ),
        ]
      : []),
  ];
}

/** Values as they are spelt, with the number of their rows. */
type Spellings = Map<string, number>;

/** Returns spellings, the commonest first. */
function inWords(spellings: Spellings): string {
  return [...spellings]
    .toSorted(([, one], [, other]) => other - one)
    .map(([shown, rows]) => `${shown} ${rows}`)
    .join(', ');
}
