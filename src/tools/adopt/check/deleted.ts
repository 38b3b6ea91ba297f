import { ok } from '../../doctor/finding.js';
import { columnsIn, mapParts, type DatabaseMap, type MapPart } from '../../../map/map-form.js';
import { textOf } from '../../../map/sources.js';
import { truthInText } from '../../../map/truth.js';
import { quantity } from '../../words.js';
import type { Examined } from './examined.js';
import { oddRows, type RowFinding } from './odd-rows.js';

/** The columns by which applications mark rows as deleted, and keep them. */
const MARKS = ['deleted_at', 'discarded_at', 'deleted', 'is_deleted'];

/** Counts the rows that the application has marked as deleted, and kept: for us they are rows like others. */
export async function deletedFindings({ theirs, tables, map }: Examined): Promise<RowFinding[]> {
  const findings: RowFinding[] = [];
  for (const part of mapParts) {
    const { table } = map[part];
    const { columns } = tables.get(table)!;
    const read = columnsReadBy(map, part);
    for (const mark of MARKS) {
      const column = columns.get(mark);
      // What the map reads is as it says.
      if (!column || read.has(mark)) continue;
      const rows =
        column.family === 'moment'
          ? await theirs.count(table, `${theirs.name(mark)} is not null`)
          : (await theirs.values(table, mark))
              .filter(({ value }) => truthInText(textOf(value) ?? 'false') !== false)
              .reduce((sum, one) => sum + one.rows, 0);
      if (rows === 0) continue;
      findings.push(
        oddRows(
          `Rows of ${table} that are marked as deleted, by ${mark}: ${quantity(rows, 'row')}.`,
          {
            inCopy: 'A copy takes them along, as rows like others.',
            inPlace: 'They stay, and are listed and counted like others.',
          },
          'Delete those that are not to count.',
        ),
      );
    }
  }
  return findings.length > 0 ? findings : [ok('No rows are marked as deleted.')];
}

function columnsReadBy(map: DatabaseMap, part: MapPart): Set<string> {
  const inactive = part === 'users' ? map.users.inactive?.column : undefined;
  return new Set([
    ...Object.values(map[part].columns).flatMap(columnsIn),
    ...(inactive === undefined ? [] : [inactive]),
  ]);
}
