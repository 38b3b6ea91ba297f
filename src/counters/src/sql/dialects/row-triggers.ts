import type { FoundTrigger } from './dialect.js';

/** Returns the statement that creates a trigger for each row; the names are in the database's quotes. */
export function createRowTrigger({ name, event, table, body }: FoundTrigger): string[] {
  return [`create trigger if not exists ${name} ${event} on ${table} for each row ${body}`];
}

/** Returns the statement that drops a trigger; its name is in the database's quotes. */
export function dropRowTrigger(name: string): string[] {
  return [`drop trigger if exists ${name}`];
}
