import { quotedCell } from '../../import/bad-row.js';
import { ok } from '../../doctor/finding.js';
import { dialectOf } from '../../../database/database.js';
import { columnsIn } from '../../../map/map-form.js';
import { isInactive } from '../copy/our-rows.js';
import type { Examined } from './examined.js';
import { grouped, quantity } from '../../words.js';
import { MAX_NAMED_ROWS } from './examined.js';
import { oddRows, type RowFinding } from './odd-rows.js';

/** Finds users without an email, and users who share one. */
export async function emailFindings({ theirs, tables, map: { users } }: Examined): Promise<RowFinding[]> {
  const [email] = columnsIn(users.columns.email);
  if (email === undefined) return [];
  const name = theirs.name(email);
  const { text, trimmed } = dialectOf(theirs.database).adoption.expressions;
  const value = text(tables.get(users.table)!.columns.get(email)!, false);
  const blank = await theirs.count(users.table, value === null ? `${name} is null` : `${trimmed(value)} is null`);
  const shared = `select lower(trim(${name})) as e, count(*) as n from ${theirs.name(users.table)} where trim(${name}) <> '' group by lower(trim(${name})) having count(*) > 1`;
  const extra = await theirs.number(`select sum(d.n - 1) as n from (${shared}) d`);
  const findings: RowFinding[] = [];
  if (blank > 0)
    findings.push(
      oddRows(`Users without an email: ${grouped(blank)}.`, {
        inCopy: hasFallback(users.columns.email)
          ? 'A copy gives each an address that reaches nobody.'
          : 'A copy rejects these rows.',
        inPlace: 'They stay.',
      }),
    );
  if (extra > 0) {
    const some = await theirs.rows<{ e: string; n: unknown }>(
      `${shared} order by count(*) desc, 1 limit ${MAX_NAMED_ROWS}`,
    );
    findings.push(
      oddRows(
        `Some users share an email: ${quantity(extra, 'user')} too many, such as ${some.map(({ e, n }) => `${quotedCell(e)} (${String(n)})`).join(', ')}.`,
        {
          inCopy: `The user with the lowest id keeps it; a copy ${users.emailIfTaken ? 'gives the others an address that reaches nobody' : 'rejects the others'}.`,
          inPlace: 'They stay.',
        },
      ),
    );
  }
  return findings.length > 0 ? findings : [ok('Each user has an email of their own.')];
}

/** Counts the users who may no longer sign in. */
export async function inactiveFindings({ theirs, map: { users } }: Examined): Promise<RowFinding[]> {
  const { inactive, table } = users;
  if (!inactive) return [];
  const values = await theirs.values(table, inactive.column);
  const gone = values
    .filter(({ value }) => isInactive(users, { [inactive.column]: value }))
    .reduce((sum, { rows }) => sum + rows, 0);
  return gone === 0
    ? [ok(`All users are active, by ${table}.${inactive.column}.`)]
    : [
        oddRows(`Inactive users, by ${table}.${inactive.column}: ${grouped(gone)}.`, {
          inCopy:
            'A copy keeps them, with their enrollments, as students, so that none has the rights of a teacher or an admin.',
          inPlace: 'They stay, with the rights of students.',
        }),
      ];
}

function hasFallback(source: Examined['map']['users']['columns']['email']): boolean {
  return typeof source === 'object' && 'firstOf' in source && source.firstOf.length > 1;
}
