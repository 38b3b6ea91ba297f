import type { SqlEntityManager } from '@mikro-orm/sql';
import { quoted } from '../fragments.js';
import { nameIn } from '../schemas.js';
import type { FoundTrigger } from './dialect.js';

/** Returns the statement that creates a trigger for each row of a table, which is given as the statement names it. */
export function createRowTrigger(
  em: SqlEntityManager,
  schema: string,
  { name, event, body }: FoundTrigger,
  table: string,
): string[] {
  return [
    `create trigger if not exists ${quoted(em, nameIn(schema, name))} ${event} on ${quoted(em, table)} for each row ${body}`,
  ];
}

/** Returns the statement that drops a trigger for each row. */
export function dropRowTrigger(em: SqlEntityManager, schema: string, { name }: FoundTrigger): string[] {
  return [`drop trigger if exists ${quoted(em, nameIn(schema, name))}`];
}
