import type { Config } from '../../config/config.js';
import { dialectOf, type Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import type { TableName } from '../../database/tables.js';
import type { Viewer } from '../../access/viewer.js';
import { examineClock } from './clock.js';
import { examineCountIndex } from './count-index.js';
import { examineCounts } from './counts.js';
import type { Finding } from './finding.js';
import { examineKeyRanges } from './key-ranges.js';
import { examineKeptRows } from './kept-rows.js';
import { examineMigrations } from './migrations.js';
import { examinePrivileges } from './privileges.js';
import { probe } from './probe.js';
import { examineStrategy } from './strategy.js';
import { examineTheirTables } from './their-tables.js';
import { examineValues } from './values.js';

/** A database that answers, with what its checks need to know. */
export interface OpenedDatabase {
  readonly database: Database;
  readonly counters: Config['counters'];
  readonly viewer: Viewer;
  /** Those of our tables that are there. */
  readonly tables: readonly TableName[];
}

/** One check of a database. */
export interface DatabaseCheck {
  readonly name: string;
  /** Whether there is nothing to check before the migrations have made the tables. */
  readonly needsTables: boolean;
  /** Whether the check concerns a database; left out: any. */
  readonly concerns?: (database: Database) => boolean;
  /** Returns what was found; `alive` is a sign of life, for checks that take long. */
  readonly examine: (opened: OpenedDatabase, alive: () => void) => Promise<readonly Finding[]>;
}

/** The tables that the checks look into. */
export const neededTables: readonly TableName[] = ['core_user', 'core_course', 'core_enrollments'];

/** The checks of a database that answers, in the order in which a person would go. */
export const databaseChecks: readonly DatabaseCheck[] = [
  {
    name: 'settings',
    needsTables: false,
    examine: ({ database }) => dialectOf(database).inspection.examineSettings(database),
  },
  {
    name: 'disk',
    needsTables: false,
    examine: ({ database }) => dialectOf(database).inspection.examineDisk(database),
  },
  { name: 'clock', needsTables: false, examine: ({ database }) => examineClock(database) },
  { name: 'migrations', needsTables: false, examine: ({ database }) => examineMigrations(database) },
  { name: 'keys', needsTables: true, examine: ({ database, tables }) => examineKeyRanges(database, tables) },
  {
    name: 'privileges',
    needsTables: true,
    examine: ({ database, counters, tables }) => examinePrivileges(database, counters, tables),
  },
  { name: 'strategy', needsTables: true, examine: ({ database, counters }) => examineStrategy(database, counters) },
  {
    name: 'counts',
    needsTables: true,
    examine: ({ database, viewer }, alive) => examineCounts(database, viewer, alive),
  },
  { name: 'index', needsTables: true, examine: ({ database, viewer }) => examineCountIndex(database, viewer) },
  {
    name: 'tables',
    needsTables: true,
    concerns: ({ driver }) => mapOf(driver) !== null,
    examine: ({ database }) => examineTheirTables(database),
  },
  {
    name: 'values',
    needsTables: true,
    concerns: ({ driver }) => mapOf(driver) !== null,
    examine: ({ database }) => examineValues(database),
  },
  {
    name: 'rows',
    needsTables: true,
    concerns: ({ driver }) => mapOf(driver) !== null,
    examine: ({ database }) => examineKeptRows(database),
  },
  { name: 'probe', needsTables: true, examine: ({ database }) => probe(database) },
];
