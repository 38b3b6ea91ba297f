import type { Platform } from '@mikro-orm/core';
import type { Database } from '../../src/database/database.js';

/**
 * Returns the SQL statements that the database gets while `work` runs, with their values, and without quotes around names
 * that are words; SQLite's question for triggers is left out.
 */
export async function statementsOf(database: Database, work: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const platform = database.em.getPlatform();
  const before = database.config.get('onQuery');
  database.config.set('onQuery', (sql, parameters) => {
    if (!sql.includes('sqlite_master'))
      statements.push(filled(platform, sql, parameters).replaceAll(/([`"])(\w+)\1/g, '$2'));
    return sql;
  });
  try {
    await work();
  } finally {
    database.config.set('onQuery', before);
  }
  return statements;
}

/** Returns a statement with its values; where its places have numbers, each as a text, which has the type of its place. */
function filled(platform: Platform, sql: string, parameters: readonly unknown[]): string {
  if (!/\$\d/.test(sql)) return platform.formatQuery(sql, [...parameters]);
  return sql.replaceAll(/\$(\d+)/g, (_, number: string) => {
    const value = parameters[Number(number) - 1];
    return value === null ? 'null' : platform.quoteValue(String(value));
  });
}

/** Returns the gist of each statement: `select`, `lock`, `insert`, `update` or `delete`, and the table. */
export function summarize(statements: readonly string[]): string[] {
  return statements.map(sql => {
    const verb = /^\w+/.exec(sql)![0].toLowerCase();
    const named = /\b(?:from|into|update) (\w+)/i;
    const table = (named.exec(withoutParentheses(sql)) ?? named.exec(sql))?.[1] ?? '';
    return `${verb === 'select' && / for (no key )?update$/.test(sql) ? 'lock' : verb} ${table}`;
  });
}

/** Returns a statement without what is in parentheses, such as a count among its columns. */
function withoutParentheses(sql: string): string {
  const shorter = sql.replaceAll(/\([^()]*\)/g, '');
  return shorter === sql ? sql : withoutParentheses(shorter);
}
