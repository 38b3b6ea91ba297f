import type { DatabaseKind, Dialect } from './dialect.js';
import { mariaDb } from './mariadb/dialect.js';
import { mySql } from './mysql/dialect.js';
import { postgreSql } from './postgresql/dialect.js';
import { sqlite } from './sqlite/dialect.js';

/** The databases that Rollcall runs on. Another one takes a folder beside these, a line here, and its migrations. */
export const dialects: Readonly<Record<DatabaseKind, Dialect>> = {
  sqlite,
  mysql: mySql,
  mariadb: mariaDb,
  postgresql: postgreSql,
};

/** All kinds of databases. */
export const databaseKinds = Object.keys(dialects) as [DatabaseKind, ...DatabaseKind[]];
