import { MikroORM, type AbstractSqlDriver } from '@mikro-orm/sql';
import type { CounterStrategy } from '../counters/index.js';
import { ormOptions } from './orm-options.js';

/** Is the ORM connected to one database of any of the three kinds. */
export type Database = MikroORM<AbstractSqlDriver>;

/** Connects to the database that a URL names; the database itself is created where it is missing. */
export async function openDatabase(url: string, strategy: CounterStrategy = 'hooks'): Promise<Database> {
  return (await MikroORM.init(ormOptions(url, strategy) as never)) as unknown as Database;
}
