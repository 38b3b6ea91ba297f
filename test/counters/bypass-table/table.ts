import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CounterStrategy } from 'mikro-orm-counters';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';

/** A row of the table in docs/bypasses.md, as written there. */
export interface Row {
  readonly way: string;
  readonly hooks: string;
  readonly triggers: string;
  readonly instead: string;
}

const path = resolve(import.meta.dirname, '../../../docs/bypasses.md');
const names = { sqlite: 'SQLite', mysql: 'MySQL', mariadb: 'MariaDB', postgresql: 'PostgreSQL' };

/** Returns the rows of the table, in its order. */
export function rowsOfTheTable(): Row[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('|'));
  return lines.slice(2).map(line => {
    const [way, hooks, triggers, instead] = line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map(cell => cell.trim().replaceAll('\\|', '|'));
    return { way: way!, hooks: hooks!, triggers: triggers!, instead: instead! };
  });
}

/** Returns the outcome in a row for a strategy on a database: `unseen; on SQLite exact` has two. */
export function cellOf(row: Row, strategy: CounterStrategy, kind: DatabaseKind): string {
  const [general, ...exceptions] = row[strategy].split('; ');
  const own = exceptions.find(one => one.startsWith(`on ${names[kind]} `));
  return own ? own.slice(`on ${names[kind]} `.length) : general!;
}

/** Returns whether an error names the alternative of the row: each name in backticks, or otherwise the whole text. */
export function namesInstead({ instead }: Row, message: string): boolean {
  const spans = [...instead.matchAll(/`([^`]+)`/g)].map(([, span]) => span!);
  return spans.length > 0
    ? spans.every(span => message.includes(span))
    : message.toLowerCase().includes(instead.toLowerCase());
}
