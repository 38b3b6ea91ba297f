import { assignments } from './assignments.js';
import { builders } from './builders.js';
import { collections } from './collections.js';
import { database } from './database.js';
import { direct } from './direct.js';
import { flushes } from './flushes.js';
import { kyselies } from './kyselies.js';
import type { Program } from './program.js';
import { rawSql } from './raw.js';

/** The program of every row of the table. */
export const programs: readonly Program[] = [
  ...flushes,
  ...collections,
  ...direct,
  ...builders,
  ...kyselies,
  ...assignments,
  ...database,
  ...rawSql,
];
