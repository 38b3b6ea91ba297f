import { DAY_MS } from '../day.js';
import { join } from 'node:path';
import { EnrollmentStatus } from '../../entities/index.js';
import { partedRows, quotedCell, type BadRow } from './bad-row.js';
import { fileSource, type Source } from './source.js';
import { tableBlocks, type TableBlock } from './table.js';

const months: Readonly<Record<string, number>> = { B: 1, J: 9 };

const statuses: Readonly<Record<string, EnrollmentStatus>> = {
  Pass: EnrollmentStatus.COMPLETED,
  Distinction: EnrollmentStatus.COMPLETED,
  Fail: EnrollmentStatus.COMPLETED,
  Withdrawn: EnrollmentStatus.DROPPED,
};

/** The three files of the dataset that are read. */
export interface OuladFiles {
  readonly courses: Source;
  readonly studentInfo: Source;
  readonly studentRegistration: Source;
}

/** A registration, joined with its course and its result. */
export interface OuladRow {
  readonly file: string;
  readonly line: number;
  readonly title: string;
  readonly description: string;
  /** The dataset's number of the student. */
  readonly student: string;
  readonly status: EnrollmentStatus;
  readonly enrolledAt: Date;
}

/** Returns the files of a folder that contains the dataset. Errors: ImportError if one is missing. */
export async function ouladFiles(folder: string): Promise<OuladFiles> {
  return {
    courses: await fileSource(join(folder, 'courses.csv')),
    studentInfo: await fileSource(join(folder, 'studentInfo.csv')),
    studentRegistration: await fileSource(join(folder, 'studentRegistration.csv')),
  };
}

/**
 * Reads the registrations, joined with courses and results by module, presentation and student.
 *
 * Results are read first and kept, about 100 bytes a student and course; registrations stream, and `bytes` counts
 * theirs.
 */
export async function* ouladBlocks(files: OuladFiles): AsyncGenerator<TableBlock<OuladRow>> {
  const courses = new Map<string, Presentation>();
  const results = new Map<string, Result>();
  for await (const { rows, bad } of tableBlocks(
    files.courses,
    ['code_module', 'code_presentation', 'module_presentation_length'],
    { ignored: 'all' },
  )) {
    const parsed = partedRows(rows.map(({ line, values }) => presentationOf(files.courses.name, line, values)));
    for (const course of parsed.rows) courses.set(course.title, course);
    yield { rows: [], bad: [...bad, ...parsed.bad], bytes: 0 };
  }
  for await (const { rows, bad } of tableBlocks(
    files.studentInfo,
    ['code_module', 'code_presentation', 'id_student', 'final_result'],
    { ignored: 'all' },
  )) {
    const mistakes = rows.flatMap(
      ({ line, values }) => rememberResult(results, files.studentInfo.name, line, values) ?? [],
    );
    yield { rows: [], bad: [...bad, ...mistakes], bytes: 0 };
  }
  for await (const { rows, bad, bytes } of tableBlocks(
    files.studentRegistration,
    ['code_module', 'code_presentation', 'id_student', 'date_registration?'],
    { ignored: 'all' },
  )) {
    const parsed = partedRows(
      rows.map(({ line, values }) => registrationOf(files.studentRegistration.name, line, values, courses, results)),
    );
    yield { rows: parsed.rows, bad: [...bad, ...parsed.bad], bytes };
  }
  const unregistered = [...results.values()].filter(({ registered }) => !registered);
  const bad = unregistered.map(({ line }) => ({
    file: files.studentInfo.name,
    line,
    code: 'NOT_REGISTERED' as const,
    message: 'The student has a result, but no registration.',
  }));
  yield { rows: [], bad, bytes: files.studentRegistration.bytes ?? 0 };
}

interface Presentation {
  readonly title: string;
  readonly description: string;
  readonly startsAt: Date;
}

interface Result {
  readonly line: number;
  readonly status: EnrollmentStatus;
  registered: boolean;
}

type OuladValues<Column extends string> = Readonly<Record<Column | 'code_module' | 'code_presentation', string>>;

function presentationOf(
  file: string,
  line: number,
  values: OuladValues<'module_presentation_length'>,
): Presentation | BadRow {
  const { code_module: module, code_presentation: presentation, module_presentation_length: days } = values;
  const [, year, letter] = /^(\d{4})([BJ])$/.exec(presentation) ?? [];
  if (!year || !letter)
    return {
      file,
      line,
      code: 'BAD_DATE',
      message: `The presentation ${quotedCell(presentation)} is not a year and B (February) or J (October), such as 2013J.`,
    };
  return {
    title: `${module} ${presentation}`,
    description: `Module ${module} of the Open University, presentation ${presentation}, ${days} days.`,
    startsAt: new Date(Date.UTC(Number(year), months[letter], 1)),
  };
}

function rememberResult(
  results: Map<string, Result>,
  file: string,
  line: number,
  values: OuladValues<'id_student' | 'final_result'>,
): BadRow | null {
  const status = statuses[values.final_result];
  if (!status)
    return {
      file,
      line,
      code: 'BAD_STATUS',
      message: `The result ${quotedCell(values.final_result)} is none of ${Object.keys(statuses).join(', ')}.`,
    };
  const key = registrationKey(values);
  if (results.has(key))
    return {
      file,
      line,
      code: 'DUPLICATE',
      message: `Line ${results.get(key)!.line} has this student's result already.`,
    };
  results.set(key, { line, status, registered: false });
  return null;
}

function registrationOf(
  file: string,
  line: number,
  values: OuladValues<'id_student' | 'date_registration'>,
  courses: ReadonlyMap<string, Presentation>,
  results: ReadonlyMap<string, Result>,
): OuladRow | BadRow {
  const title = `${values.code_module} ${values.code_presentation}`;
  const course = courses.get(title);
  const result = results.get(registrationKey(values));
  if (result) result.registered = true;
  if (!course)
    return { file, line, code: 'UNKNOWN_COURSE', message: `courses.csv has no presentation ${quotedCell(title)}.` };
  if (!/^\d+$/.test(values.id_student))
    return { file, line, code: 'BAD_ID', message: `The student ${quotedCell(values.id_student)} is not a number.` };
  if (!result)
    return {
      file,
      line,
      code: 'NO_RESULT',
      message: `studentInfo.csv has no valid result of student ${values.id_student} in ${title}.`,
    };
  if (!/^(-?\d{1,4})?$/.test(values.date_registration))
    return {
      file,
      line,
      code: 'BAD_DATE',
      message: `The registration date ${quotedCell(values.date_registration)} is not a number of days.`,
    };
  // A missing date counts as the start.
  const enrolledAt = new Date(course.startsAt.getTime() + Number(values.date_registration) * DAY_MS);
  return {
    file,
    line,
    title,
    description: course.description,
    student: values.id_student,
    status: result.status,
    enrolledAt,
  };
}

function registrationKey({
  code_module: module,
  code_presentation: presentation,
  id_student: student,
}: OuladValues<'id_student'>): string {
  return `${module} ${presentation} ${student}`;
}
