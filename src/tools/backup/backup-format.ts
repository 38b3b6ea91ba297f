import { z } from 'zod';
import { databaseKinds } from '../../database/dialects/dialects.js';

/**
 * A backup of counts is text in UTF-8, one JSON value a line: a header, a row for each course in ascending order of the
 * ids, and a closing line, by which a file that was cut off or changed is noticed.
 */
export const FORMAT = 'rollcall-counts';

/** The version of the format that this program writes, and the only one that it reads. */
export const FORMAT_VERSION = 1;

/** The largest stored count: its column is an unsigned integer of 32 bits. */
const MAX_STORED_COUNT = 2 ** 32 - 1;

/** Reads as much of a first line as tells whether the rest can be read. */
export const formatHeader = z.looseObject({ format: z.literal(FORMAT), version: z.int().positive() });

/** Reads a header; `counters` says which number of a row is which. */
export const header = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  at: z.iso.datetime(),
  database: z.enum(databaseKinds),
  counters: z.array(z.string()).min(1),
  courses: z.int().nonnegative(),
});

/** Reads the row of one course: its id, and its stored counts in the order of the header's counters. */
export const row = z.strictObject({
  id: z.union([z.int().positive(), z.string()]),
  counts: z.array(z.int().min(0).max(MAX_STORED_COUNT)),
});

/** Reads a closing line: how many courses the file has, and the SHA-256 of the lines before it, each with its LF. */
export const closing = z.strictObject({ courses: z.int().nonnegative(), sha256: z.string() });

/** The first line of a backup. */
export type BackupHeader = Readonly<z.infer<typeof header>>;

/** The line of one course in a backup. */
export type BackupRow = Readonly<z.infer<typeof row>>;
