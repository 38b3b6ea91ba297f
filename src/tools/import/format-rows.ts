import { EnrollmentStatus } from '../../entities/index.js';
import { quotedCell, type BadRow } from './bad-row.js';
import type { ImportedEnrollment } from './enrollment-rows.js';
import type { EnrollmentFormat, FormatColumn, FormatOperation } from './formats/enrollment-format.js';
import { referenceOf } from './references.js';
import type { TableOptions, FileRow } from './table.js';

/** The text that `--values` gives to roles, operations and kinds whose rows are left out. */
export const SKIP = 'skip';

/** The text by which `--values` gives a meaning to the operation of an active enrollment whose end has passed. */
const ENDED = 'ended';

/** What the rows of a file are read with. */
export interface FormatContext {
  readonly file: string;
  readonly format: EnrollmentFormat;
  /** The moment of the import. */
  readonly now: Date;
  readonly dates: EnrollmentFormat['dates'];
  /** What texts of columns mean to the file's user, by the column and the text in lower case. */
  readonly meanings: NonNullable<TableOptions['values']>;
}

/** Why a row is not imported. */
type Mistake = Pick<BadRow, 'code' | 'message'>;

/** Returns what a row of a format's file does, why it does nothing, or that the options leave it out. */
export function formatRowOf(
  { line, values }: FileRow<string>,
  context: FormatContext,
): ImportedEnrollment | BadRow | typeof SKIP {
  const { file, format, now } = context;
  const row = readRow(values, context);
  if ([row.role, row.kind, row.meaning].includes(SKIP)) return SKIP;
  const mistake = mistakeIn(values, row, format);
  if (mistake) return { file, line, ...mistake };
  const times = timesOf(row, context);
  if ('code' in times) return { file, line, ...times };
  const operation = operationOf(row, times, context);
  if (operation === SKIP) return SKIP;
  if (typeof operation === 'object') return { file, line, ...operation };
  return {
    file,
    line,
    course: referenceOf(row.course),
    student: referenceOf(row.student),
    enrolledAt: times.begins ?? now,
    ...(operation === 'unenroll'
      ? { operation: 'remove', status: EnrollmentStatus.DROPPED }
      : {
          operation: 'set',
          status: row.isSuspended && operation === EnrollmentStatus.ACTIVE ? EnrollmentStatus.SUSPENDED : operation,
        }),
  };
}

/** The texts of a row, as they are meant; those that are compared are in lower case. */
interface ReadRow {
  readonly course: string;
  readonly student: string;
  readonly role: string;
  readonly kind: string;
  /** The operation as the row has it, and what the file's user says that it means. */
  readonly action: string;
  readonly meaning: string | undefined;
  readonly suspended: string;
  /** Undefined: the format does not know the text. */
  readonly isSuspended: boolean | undefined;
  readonly begins: string;
  readonly ends: string;
}

function readRow(values: Readonly<Record<string, string>>, { format, meanings }: FormatContext): ReadRow {
  const isQuoted = format.singleQuotes && values[format.header![0]!]!.startsWith("'");
  const cellOf = (column: FormatColumn): string => {
    const cell = values[format.preferred?.[column] ?? ''] || (values[column] ?? '');
    return isQuoted ? cell.replace(/^'+|'+$/g, '') : cell;
  };
  const textOf = (column: FormatColumn): string => {
    const cell = cellOf(column);
    const text = meanings.get(column)?.get(cell.toLowerCase()) ?? cell;
    return text === format.none ? '' : text;
  };
  const lowerOf = (column: FormatColumn): string => textOf(column).toLowerCase();
  const action = cellOf('operation').toLowerCase();
  const suspended = lowerOf('suspended');
  const [begins, ends] = [textOf('enrolled_at'), textOf('ended_at')];
  const hasDates = !format.datesTogether || (begins !== '' && ends !== '');
  return {
    course: textOf('course'),
    student: textOf('student'),
    role: lowerOf('role'),
    kind: lowerOf('kind'),
    action,
    meaning: meanings.get('operation')?.get(action)?.toLowerCase(),
    suspended,
    isSuspended: format.suspensions ? own(format.suspensions, suspended) : false,
    begins: hasDates ? begins : '',
    ends: hasDates ? ends : '',
  };
}

/** Returns what is wrong with a row apart from its operation and its dates. */
function mistakeIn(
  values: Readonly<Record<string, string>>,
  { course, student, role, kind, suspended, isSuspended }: ReadRow,
  { columns, kind: onlyKind, refused = {}, studentRoles, suspensions = {} }: EnrollmentFormat,
): Mistake | null {
  if (onlyKind !== undefined && kind !== onlyKind)
    return {
      code: 'BAD_OPERATION',
      message: `The ${columns.kind} ${quotedCell(kind)} is not ${onlyKind}. ${leaveOut('kind', kind)}.`,
    };
  for (const [column, meaning] of Object.entries(refused))
    if (values[column])
      return {
        code: 'BAD_OPERATION',
        message: `The ${column} ${quotedCell(values[column])} says that ${meaning}, which is not possible here. To import the file without the column, add --ignore-column ${column}.`,
      };
  if (course === '' || student === '')
    return {
      code: 'MISSING_VALUE',
      message: `The value of ${course === '' ? columns.course : columns.student} is missing.`,
    };
  if (studentRoles && !studentRoles.includes(role))
    return {
      code: 'BAD_ROLE',
      message: `The role ${quotedCell(role)} is not a student's, and only students are enrolled here. ${leaveOut('role', role)}; to enroll them, --values ${quotedCell(`role:${role}=${studentRoles[0]}`)}.`,
    };
  if (isSuspended === undefined)
    return {
      code: 'BAD_OPERATION',
      message: `The ${columns.suspended} ${quotedCell(suspended)} is none of ${Object.keys(suspensions).filter(Boolean).join(', ')}. To give it a meaning, add one such as --values ${quotedCell(`suspended:${suspended}=y`)}.`,
    };
  return null;
}

/** The beginning and the end of an enrollment; undefined: the row says none. */
interface Times {
  readonly begins: Date | undefined;
  readonly ends: Date | undefined;
}

function timesOf({ begins, ends }: ReadRow, { format, dates, now }: FormatContext): Times | Mistake {
  const bad = (message: string): Mistake => ({ code: 'BAD_DATE', message });
  const [beginning, end] = [begins, ends].map(text => (text === '' ? undefined : dates.read(text)));
  if (beginning === null || end === null)
    return bad(`The moment ${quotedCell(beginning === null ? begins : ends)} is not ${dates.expected}.`);
  if (beginning && end && beginning > end) return bad(`The enrollment ends at ${ends}, before it begins at ${begins}.`);
  if (format.waitsForBeginning && beginning && beginning > now)
    return bad(
      `The row is to be done at ${beginning.toISOString()}, which is in the future. Import the file again then.`,
    );
  return { begins: beginning, ends: end };
}

function operationOf(
  { action, meaning }: ReadRow,
  { ends }: Times,
  { format, now, meanings }: FormatContext,
): FormatOperation | typeof SKIP | Mistake {
  const operation = meaning === undefined ? own(format.operations, action) : operationMeant(format, meaning);
  if (operation === undefined) return unknownOperation(format, action, meaning);
  if (operation !== EnrollmentStatus.ACTIVE || !ends || ends > now) return operation;
  const over = meanings.get('operation')?.get(ENDED)?.toLowerCase();
  if (over === SKIP) return SKIP;
  if (over !== undefined) return operationMeant(format, over) ?? unknownOperation(format, ENDED, over);
  const [completed, active] = ['completed', 'active'].map(status => quotedCell(`operation:${ENDED}=${status}`));
  return {
    code: 'ENDED',
    message: `The enrollment ended at ${ends.toISOString()}. To give such rows a status, add one such as --values ${completed}; to enroll them all the same, --values ${active}. ${leaveOut('operation', ENDED)}.`,
  };
}

/** Returns what a text does that `--values` gave as a meaning: an operation of the format, or one of our statuses. */
function operationMeant(format: EnrollmentFormat, meaning: string): FormatOperation | undefined {
  return own(format.operations, meaning) ?? Object.values(EnrollmentStatus).find(status => status === meaning);
}

function unknownOperation({ columns, operations }: EnrollmentFormat, action: string, meaning?: string): Mistake {
  const known = Object.keys(operations).filter(Boolean);
  return {
    code: 'BAD_OPERATION',
    message: `The ${columns.operation ?? 'operation'} ${quotedCell(meaning ?? action)} is none of ${known.join(', ')}. ${leaveOut('operation', action)}; to give it a meaning, one such as --values ${quotedCell(`operation:${action}=${known[0]}`)}.`,
  };
}

function leaveOut(column: FormatColumn, text: string): string {
  return `To leave such rows out, add --values ${quotedCell(`${column}:${text}=${SKIP}`)}`;
}

function own<Value>(values: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
