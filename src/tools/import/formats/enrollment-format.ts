import type { EnrollmentStatus } from '../../../entities/index.js';
import type { DateForm } from '../dates.js';

/** What a row of a format does: unenrolls, or enrolls with a status, which an enrollment that is there already gets. */
export type FormatOperation = EnrollmentStatus | 'unenroll';

/** What columns of formats say. */
export const formatColumns = [
  'course',
  'student',
  'role',
  'operation',
  'suspended',
  'kind',
  'enrolled_at',
  'ended_at',
] as const;

/** What a column of a format says. */
export type FormatColumn = (typeof formatColumns)[number];

/** A format of files of enrollments that another system defines; the doc comment of each has the specification. */
export interface EnrollmentFormat {
  /** What the format calls its columns; those that `optional` names may be missing, or empty. */
  readonly columns: Readonly<Partial<Record<FormatColumn, string>>>;
  readonly optional: readonly FormatColumn[];
  /** Other columns that say the same, and count in place of the column where they have a value. */
  readonly preferred?: Readonly<Partial<Record<FormatColumn, string>>>;
  /** Columns whose value changes what a row means in a way that is not possible here, and what such a value says. */
  readonly refused?: Readonly<Record<string, string>>;
  /**
   * Columns of the format that say nothing of an enrollment here; a note names those that a file has. One that ends
   * with `*` means all columns that begin so.
   */
  readonly unused: readonly string[];
  /** What to do about a row that lacks the value of a column. */
  readonly whenMissing?: Readonly<Partial<Record<FormatColumn, string>>>;
  /** A file of the same system with the same columns, by a part of its name in lower case, and why it is refused. */
  readonly otherFile?: { readonly name: string; readonly reason: string };
  /** The names of the columns in their order, for a format whose files do not name them. */
  readonly header?: readonly string[];
  /** Whether a row may end before its last columns. */
  readonly shortRows?: boolean;
  /** Whether all values of a row are in single quotes if the first one is. */
  readonly singleQuotes?: boolean;
  readonly delimiter?: string;
  /** Roles whose rows are enrollments, in lower case; all others are refused. Absent: the format has students only. */
  readonly studentRoles?: readonly string[];
  /** What the texts of the operation do, in lower case; '' is a missing one. */
  readonly operations: Readonly<Record<string, FormatOperation>>;
  /** The texts of `suspended` in lower case, and whether they suspend an active enrollment; '' is a missing one. */
  readonly suspensions?: Readonly<Record<string, boolean>>;
  /** The only text of `kind`, in lower case. */
  readonly kind?: string;
  /** The text that stands for no course, student or date. */
  readonly none?: string;
  /** Whether a row does nothing before its enrollment begins; such a row is refused until then. */
  readonly waitsForBeginning?: boolean;
  /** Whether the beginning and the end count only together. */
  readonly datesTogether?: boolean;
  /** The beginning of a last line that is no row. */
  readonly footer?: string;
  readonly dates: DateForm;
}
