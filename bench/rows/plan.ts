import type { Database } from '../../dist/database/database.js';
import type { DatabaseKind } from '../comparison/store.ts';

/** Returns how a database runs a statement, in few words: what it reads by which index, and whether it sorts. */
export async function planOf(database: Database, kind: DatabaseKind, statement: string): Promise<string> {
  const execute = (sql: string): Promise<Record<string, unknown>[]> => database.em.getConnection().execute(sql);
  if (kind === 'sqlite') {
    const found = await execute(`explain query plan ${statement}`);
    return parts(
      found
        .map(({ detail }) => String(detail))
        .filter(detail => /^(SEARCH|SCAN|USE TEMP)/.test(detail) && !/^SCAN (strand|ids|heads)/.test(detail))
        .map(detail => detail.replace(/USING (COVERING )?INDEX core_\w+?_(\w+)_(index|unique)/, 'by $2')),
    );
  }
  if (kind === 'postgresql') {
    const found = await execute(`explain ${statement}`);
    return parts(
      found
        .map(row =>
          String(row['QUERY PLAN'])
            .trim()
            .replace(/^->\s*/, '')
            .replace(/ {2}\(cost.*$/, ''),
        )
        .filter(line => /(Scan|Sort)\b/.test(line) && !line.startsWith('Sort Key') && !line.startsWith('Subquery')),
    );
  }
  const found = await execute(`explain ${kind === 'mysql' ? 'format=traditional ' : ''}${statement}`);
  return parts(
    found
      .filter(({ table }) => String(table).startsWith('core_'))
      .map(({ table, type, key, Extra }) =>
        [table, type, key ?? 'no index', String(Extra).includes('filesort') ? 'sorted' : ''].filter(Boolean).join(' '),
      ),
  );
}

/** Joins parts, each once with how often it comes. */
function parts(all: readonly string[]): string {
  return [...Map.groupBy(all, one => one)]
    .map(([one, times]) => (times.length > 1 ? `${times.length} × ${one}` : one))
    .join('; ');
}
