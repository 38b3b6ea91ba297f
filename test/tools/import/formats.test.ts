import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.js';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { dateForm } from '../../../src/tools/import/dates.js';
import { enrollmentFormats } from '../../../src/tools/import/formats/formats.js';
import { importFormat } from '../../../src/tools/import/import-format.js';
import type { EnrollmentImportOptions } from '../../../src/tools/import/import-enrollments.js';
import { freshDatabase } from '../../support/databases.js';
import { addCourses } from '../../support/rows.js';
import { addStudents } from '../../support/students.js';
import { textSource } from '../../support/text-source.js';

/**
 * A row of a file, what becomes of the enrollment that it names, or why the row is bad, and meanings as `--values` has
 * them. Rows name the course C-1 and the student S-1.
 */
type Case = readonly [row: string, gives: string, ...values: string[]];

interface Shape {
  /** The row with the names of the columns, where files have one. */
  readonly header?: string;
  /** The status of the enrollment before each row. */
  readonly before?: EnrollmentStatus;
  readonly cases: readonly Case[];
}

/** Every role and every operation of each specification, and odd rows. */
const shapes: Readonly<Record<string, Shape>> = {
  canvas: {
    header:
      'course_id,root_account,start_date,end_date,user_id,user_integration_id,role,role_id,section_id,status,associated_user_id,limit_section_privileges,notify,temporary_enrollment_source_user_id',
    cases: [
      ['C-1,,,,S-1,,student,,,active,,,,', 'active'],
      ['C-1,,,,S-1,,Student,,,ACTIVE,,,,', 'active'],
      ['C-1,,,,S-1,,student,,,completed,,,,', 'completed'],
      ['C-1,,,,S-1,,student,,,inactive,,,,', 'suspended'],
      ['C-1,,,,S-1,,student,,,deleted,,,,', 'none'],
      ['C-1,,,,S-1,,student,,,deleted_last_completed,,,,', 'completed'],
      ['C-1,,,,S-1,,student,,X-9,active,,true,true,', 'active'],
      // A row without a course names a section only.
      [',,,,S-1,,student,,X-9,active,,,,', 'MISSING_VALUE'],
      ['C-1,,,,,,student,,,active,,,,', 'MISSING_VALUE'],
      ['C-1,,,,S-1,,,,,active,,,,', 'MISSING_VALUE'],
      ['C-1,,,,S-1,,student,,,,,,,', 'MISSING_VALUE'],
      ['C-1,,,,S-1,,teacher,,,active,,,,', 'BAD_ROLE'],
      ['C-1,,,,S-1,,ta,,,active,,,,', 'BAD_ROLE'],
      ['C-1,,,,S-1,,observer,,,active,S-2,,,', 'BAD_ROLE'],
      ['C-1,,,,S-1,,designer,,,active,,,,', 'BAD_ROLE'],
      ['C-1,,,,S-1,,Lab Partner,,,active,,,,', 'BAD_ROLE'],
      ['C-1,,,,S-1,,Lab Partner,,,active,,,,', 'active', 'role:Lab Partner=student'],
      // The id of a role and a user's integration id count in place of the name and the user's id.
      ['C-1,,,,S-1,,,3,,active,,,,', 'BAD_ROLE'],
      ['C-1,,,,S-1,,student,4,,active,,,,', 'BAD_ROLE'],
      ['C-1,,,,S-1,,,3,,active,,,,', 'active', 'role:3=student'],
      ['C-1,,,,S-9,S-1,student,,,active,,,,', 'active'],
      ['C-1,,,,,S-1,student,,,active,,,,', 'active'],
      ['C-1,,,,S-1,S-9,student,,,active,,,,', 'UNKNOWN_STUDENT'],
      ['C-1,other.example.org,,,S-1,,student,,,active,,,,', 'BAD_OPERATION'],
      ['C-1,,,,S-1,,student,,,active,,,,S-2', 'BAD_OPERATION'],
      ['C-1,,,,S-1,,student,,,invited,,,,', 'BAD_OPERATION'],
      ['C-1,,,,S-1,,student,,,invited,,,,', 'skipped', 'operation:invited=skip'],
      ['C-1,,,,S-1,,student,,,rejected,,,,', 'dropped', 'operation:rejected=dropped'],
      // The two dates count only together.
      ['C-1,,2020-01-01T00:00:00Z,2020-06-01T00:00:00Z,S-1,,student,,,active,,,,', 'ENDED'],
      ['C-1,,,2020-06-01T00:00:00Z,S-1,,student,,,active,,,,', 'active'],
      ['C-1,,2020-01-01T00:00:00Z,2020-06-01T00:00:00Z,S-1,,student,,,deleted,,,,', 'none'],
      ['C-1,,2020-01-01T00:00:00Z,9000-06-01T00:00:00Z,S-1,,student,,,active,,,,', 'active'],
      ['C-1,,2020-01-01,soon,S-1,,student,,,active,,,,', 'BAD_DATE'],
      ['C-1,,9000-01-01,2020-01-01,S-1,,student,,,active,,,,', 'BAD_DATE'],
    ],
  },
  oneroster: {
    header:
      'sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate,metadata.example.seat',
    cases: [
      ['E,,,C-1,X,S-1,student,,,,', 'active'],
      ['E,active,2026-01-01T00:00:00.000Z,C-1,X,S-1,student,false,,,12', 'active'],
      ['E,tobedeleted,2026-01-01T00:00:00.000Z,C-1,X,S-1,student,,,,', 'none'],
      // A status of OneRoster 1.0 and of its interface over HTTP, which no file of 1.1 or 1.2 has.
      ['E,inactive,,C-1,X,S-1,student,,,,', 'BAD_OPERATION'],
      ['E,inactive,,C-1,X,S-1,student,,,,', 'suspended', 'operation:inactive=suspended'],
      ['E,,,C-1,X,S-1,teacher,true,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,administrator,,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,proctor,,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,aide,,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,parent,,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,guardian,,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,relative,,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,ext:auditor,,,,', 'BAD_ROLE'],
      ['E,,,C-1,X,S-1,ext:auditor,,,,', 'active', 'role:ext:auditor=student'],
      ['E,,,C-1,X,S-1,,,,,', 'MISSING_VALUE'],
      ['E,,,,X,S-1,student,,,,', 'MISSING_VALUE'],
      ['E,,,C-1,X,S-1,student,,2020-01-01,9000-01-01,', 'active'],
      ['E,,,C-1,X,S-1,student,,9000-01-01,,', 'active'],
      ['E,,,C-1,X,S-1,student,,2020-01-01,2020-06-30,', 'ENDED'],
      ['E,,,C-1,X,S-1,student,,,2020-06-30,', 'completed', 'operation:ended=completed'],
      ['E,,,C-1,X,S-1,student,,,2020-06-30,', 'none', 'operation:ended=tobedeleted'],
      ['E,,,C-1,X,S-1,student,,,2020-06-30,', 'BAD_OPERATION', 'operation:ended=gone'],
      ['E,,,C-1,X,S-1,student,,,2020-06-30,', 'skipped', 'operation:ended=skip'],
      ['E,tobedeleted,,C-1,X,S-1,student,,,2020-06-30,', 'none'],
      ['E,,,C-1,X,S-1,student,,2020-13-01,,', 'BAD_DATE'],
    ],
  },
  moodle: {
    cases: [
      ['add, student, S-1, C-1', 'active'],
      ['ADD,Student,S-1,C-1', 'active'],
      ['add;student;S-1;C-1;0;0', 'active'],
      ["'add','student','S-1','C-1'", 'active'],
      ['"add","student","S-1","C-1"', 'active'],
      ['add,student,S-1,C-1,1577836800', 'active'],
      ['add,student,S-1,C-1,0,220000000000', 'active'],
      ['del,student,S-1,C-1', 'none'],
      ['del,student,S-1,C-1,1577836800,1590969600', 'none'],
      ['suspend,student,S-1,C-1', 'BAD_OPERATION'],
      ['suspend,student,S-1,C-1', 'suspended', 'operation:suspend=suspended'],
      ['add,manager,S-1,C-1', 'BAD_ROLE'],
      ['add,coursecreator,S-1,C-1', 'BAD_ROLE'],
      ['add,editingteacher,S-1,C-1', 'BAD_ROLE'],
      ['add,teacher,S-1,C-1', 'BAD_ROLE'],
      ['del,guest,S-1,C-1', 'BAD_ROLE'],
      ['add,teacher,S-1,C-1', 'skipped', 'role:teacher=skip'],
      // Moodle keeps such a row until its start.
      ['add,student,S-1,C-1,220000000000,0', 'BAD_DATE'],
      ['del,student,S-1,C-1,220000000000,0', 'BAD_DATE'],
      ['add,student,S-1,C-1,1590969600,1577836800', 'BAD_DATE'],
      ['add,student,S-1,C-1,1577836800,1590969600', 'ENDED'],
      ['add,student,S-1,C-1,1577836800,1590969600', 'completed', 'operation:ended=completed'],
      ['add,student,S-1,C-1,2020-01-01', 'BAD_DATE'],
      ['add,student,S-1', 'MISSING_VALUE'],
      ['add,student,0,C-1', 'MISSING_VALUE'],
      ['add,student,S-1,C-1,0,0,0', 'COLUMNS'],
    ],
  },
  blackboard: {
    header:
      'EXTERNAL_COURSE_KEY|EXTERNAL_PERSON_KEY|ROLE|ROW_STATUS|AVAILABLE_IND|DATA_SOURCE_KEY|NEW_DATA_SOURCE_KEY|RECEIVE_EMAIL_IND|ROSTER_IND|PRIMARY_INSTRUCTOR|link_name_1',
    cases: [
      ['C-1|S-1|Student|Enabled|Y|||||N|', 'active'],
      ['C-1|S-1|student||||||||', 'active'],
      ['C-1|S-1|S|ENABLED|Y||||||', 'active'],
      ['C-1|S-1|student|enabled|N||||||', 'suspended'],
      ['C-1|S-1|student|disabled|Y||||||', 'suspended'],
      ['C-1|S-1|student|deleted|N||||||', 'none'],
      ['C-1|S-1|student|purged|Y||||||', 'BAD_OPERATION'],
      ['C-1|S-1|student|enabled|maybe||||||', 'BAD_OPERATION'],
      ['C-1|S-1|student|enabled|maybe||||||', 'suspended', 'suspended:maybe=n'],
      ['C-1|S-1|Instructor|enabled|Y||||||', 'BAD_ROLE'],
      ['C-1|S-1|teaching_assistant|enabled|Y||||||', 'BAD_ROLE'],
      ['C-1|S-1|course_builder|enabled|Y||||||', 'BAD_ROLE'],
      ['C-1|S-1|Grader|enabled|Y||||||', 'BAD_ROLE'],
      ['C-1|S-1|guest|enabled|Y||||||', 'BAD_ROLE'],
      ['C-1|S-1|none|enabled|Y||||||', 'BAD_ROLE'],
      ['C-1|S-1|guest|enabled|Y||||||', 'skipped', 'role:guest=skip'],
      ['C-1||student|enabled|Y||||||', 'MISSING_VALUE'],
      ['C-1|S-1||enabled|Y||||||', 'MISSING_VALUE'],
    ],
  },
  'sds-v1': {
    header: 'Section SIS ID,SIS ID',
    cases: [
      ['C-1,S-1', 'active'],
      ['C-1,', 'MISSING_VALUE'],
      ['C-9,S-1', 'UNKNOWN_COURSE'],
    ],
  },
  'sds-v2.1': {
    header: 'classSourcedId,userSourcedId,role',
    cases: [
      ['C-1,S-1,student', 'active'],
      ...['teacher', 'professor', 'teacherAssistant', 'administrator', 'proctor', 'alumni', 'other', 'staff'].map(
        (role): Case => [`C-1,S-1,${role}`, 'BAD_ROLE'],
      ),
      ['C-1,S-1,', 'MISSING_VALUE'],
      ['C-1,S-1,teacher', 'skipped', 'role:teacher=skip'],
    ],
  },
  brightspace: {
    header: 'type,action,child_code,role_name,parent_code',
    cases: [
      ['enrollment,CREATE,S-1,Student,C-1', 'active'],
      ['enrollment,Update,S-1,Student,C-1', 'active'],
      ['enrollment,,S-1,Student,C-1', 'active'],
      ['enrollment,DELETE,S-1,Student,C-1', 'none'],
      ['enrollment,MOVE,S-1,Student,C-1', 'BAD_OPERATION'],
      ['enrollment,UPDATE,S-1,Teacher,C-1', 'BAD_ROLE'],
      ['enrollment,UPDATE,S-1,Learner,C-1', 'active', 'role:Learner=student'],
      ['user,UPDATE,S-1,Student,C-1', 'BAD_OPERATION'],
      ['user,UPDATE,S-1,Student,C-1', 'skipped', 'kind:user=skip'],
      ['enrollment,UPDATE,S-1,Student,', 'MISSING_VALUE'],
    ],
  },
  'open-edx': {
    header: 'id\tuser_id\tcourse_id\tcreated\tis_active\tmode',
    before: EnrollmentStatus.COMPLETED,
    cases: [
      ['7\tS-1\tC-1\t2014-01-01 17:28:27\t1\taudit', 'active'],
      ['7\tS-1\tC-1\t2014-01-01 17:28:27.123456\t0\tverified', 'dropped'],
      ['7\tS-1\tC-1\tNULL\ttrue\thonor', 'active'],
      ['7\tS-1\tC-1\t\tFalse\tno-id-professional', 'dropped'],
      ['7\tS-1\tC-1\t\tNULL\thonor', 'BAD_OPERATION'],
      ['7\tS-1\tC-1\t\t2\thonor', 'BAD_OPERATION'],
      ['7\tNULL\tC-1\t\t1\thonor', 'MISSING_VALUE'],
      ['7\tS-1\tC-1\tyesterday\t1\thonor', 'BAD_DATE'],
    ],
  },
  phpmyadmin: {
    header: '"id","course_id","student_id","status","enrolled_at","updated_at"',
    before: EnrollmentStatus.DROPPED,
    cases: [
      ...['active', 'completed', 'suspended', 'dropped'].map((status): Case => [
        `"1","C-1","S-1","${status}","2026-01-31 10:00:00",NULL`,
        status,
      ]),
      ['"1","C-1","S-1",,NULL,NULL', 'active'],
      ['"1","C-1","S-1",NULL,NULL,NULL', 'BAD_OPERATION'],
      ['"1","C-1","S-1",NULL,NULL,NULL', 'dropped', 'operation:null=dropped'],
      ['"1","C-1","S-1","Left",NULL,NULL', 'BAD_OPERATION'],
      ['"1",NULL,"S-1","active",NULL,NULL', 'MISSING_VALUE'],
      ['"1","C-1","S-1","active","0000-00-00 00:00:00",NULL', 'BAD_DATE'],
    ],
  },
};

let place: { database: Database; drop: () => Promise<void> };

beforeAll(async () => {
  place = await freshDatabase('sqlite');
  await addCourses(place.database, [{ title: 'Algebra' }, { title: 'Say "so"' }]);
  await addStudents(place.database, 2);
});
afterAll(() => place.drop());

const matching = {
  courseNames: { file: 'courses.csv', names: new Map([['C-1', 'Algebra']]) },
  userNames: {
    file: 'users.csv',
    names: new Map([
      ['S-1', 's1@example.org'],
      ['S-2', 's2@example.org'],
    ]),
  },
};

/** Returns meanings from texts as `--values` has them. */
function meaningsOf(values: readonly string[]): Map<string, Map<string, string>> {
  const meanings = new Map<string, Map<string, string>>();
  for (const value of values) {
    const [, column, text, meaning] = /^([^:]+):(.*)=([^=]*)$/.exec(value)!;
    meanings.set(column!, new Map([...(meanings.get(column!) ?? []), [text!.toLowerCase(), meaning!]]));
  }
  return meanings;
}

/** Imports a file, and returns the result with the bad rows and the notes. */
async function run(format: string, text: string, options: EnrollmentImportOptions = {}, name?: string) {
  const bad: BadRow[] = [];
  const notes: string[] = [];
  const source = textSource(text);
  const result = await importFormat(
    place.database,
    name === undefined ? source : { ...source, name },
    enrollmentFormats[format]!,
    { matching, ...options, onBadRow: one => bad.push(one), onNote: note => notes.push(note) },
  );
  return { ...result, bad, notes };
}

/** Gives the enrollment of the first student in the first course a status, whatever became of it before. */
async function enrollAs(status: EnrollmentStatus): Promise<void> {
  const em = place.database.em.fork();
  const pair = { course: em.getReference(Course, 1), student: em.getReference(User, 1) };
  const enrollment = await em.findOne(Enrollment, pair);
  if (enrollment) enrollment.status = status;
  else em.create(Enrollment, { ...pair, status });
  await em.flush();
}

/** Returns what a row gives: the code of its mistake, `skipped`, the status of the enrollment after it, or `none`. */
async function givenBy(format: string, row: string, values: readonly string[]) {
  const { header, before = EnrollmentStatus.DROPPED } = shapes[format]!;
  await enrollAs(before);
  const { bad, skipped } = await run(format, [...(header === undefined ? [] : [header]), row, ''].join('\n'), {
    values: meaningsOf(values),
  });
  const [found] = bad;
  if (found) return { gives: found.code as string, message: found.message };
  const enrollment = await place.database.em.fork().findOne(Enrollment, { course: 1, student: 1 });
  return { gives: skipped === 1 ? 'skipped' : (enrollment?.status ?? 'none'), message: '' };
}

it('there are rows of each format', () => {
  expect(Object.keys(shapes)).toEqual(Object.keys(enrollmentFormats));
});

describe.each(Object.entries(shapes))('the format %s', (format, { header, cases }) => {
  it('each format does what each role and operation of its specification says, or refuses the row', async () => {
    for (const [row, gives, ...values] of cases)
      expect([row, ...values, (await givenBy(format, row, values)).gives]).toEqual([row, ...values, gives]);
  });

  it('each format names for each refused role, operation and end an option with which the row is taken or left out', async () => {
    for (const [row, , ...values] of cases.filter(([, code]) =>
      ['BAD_ROLE', 'BAD_OPERATION', 'ENDED'].includes(code),
    )) {
      const { message } = await givenBy(format, row, values);
      const meanings = [...message.matchAll(/--values ("(?:[^"\\]|\\.)*")/g)].map(
        ([, text]) => JSON.parse(text!) as string,
      );
      const columns = [...message.matchAll(/--ignore-column (\w+)/g)].map(([, column]) => column!);
      expect([row, meanings.length + columns.length > 0]).toEqual([row, true]);
      for (const meaning of meanings)
        expect([row, meaning, (await givenBy(format, row, [meaning])).gives]).toEqual([
          row,
          meaning,
          expect.not.stringMatching(/^[A-Z]/),
        ]);
      for (const column of columns) {
        const { bad } = await run(format, `${header}\n${row}\n`, { ignoredColumns: [column] });
        expect([row, bad]).toEqual([row, []]);
      }
    }
  });

  it('each format refuses a file with a column that its specification does not have', async () => {
    if (header === undefined) return;
    const delimiter = /[,|\t]/.exec(header)![0];
    await expect(run(format, `${[header, 'surprise'].join(delimiter)}\n`)).rejects.toThrow(
      'FILE.csv has columns that are not understood: "surprise".',
    );
  });

  it('each format requires the columns that its specification requires, and no other', async () => {
    const { columns, optional, preferred = {} } = enrollmentFormats[format]!;
    if (header === undefined) return;
    const delimiter = /[,|\t]/.exec(header)![0];
    const names = header.split(delimiter).map(name => name.replaceAll('"', ''));
    for (const [column, name] of Object.entries(columns)) {
      const others = [name, (preferred as Record<string, string>)[column]];
      const file = `${names.filter(one => !others.includes(one)).join(delimiter)}\n`;
      if ((optional as readonly string[]).includes(column)) await run(format, file);
      else await expect(run(format, file)).rejects.toThrow(`FILE.csv has no column ${name}`);
    }
  });
});

it('a note names the columns that are not used, also of extensions', async () => {
  expect((await run('oneroster', `${shapes['oneroster']!.header}\n`)).notes).toEqual([
    'FILE.csv:1: not used are the columns sourcedId, dateLastModified, schoolSourcedId, primary, metadata.example.seat.',
  ]);
  expect((await run('blackboard', `${shapes['blackboard']!.header}\n`)).notes).toEqual([
    'FILE.csv:1: not used are the columns DATA_SOURCE_KEY, NEW_DATA_SOURCE_KEY, RECEIVE_EMAIL_IND, ROSTER_IND, PRIMARY_INSTRUCTOR, link_name_1.',
  ]);
});

it('a row of Canvas that names only a section says what to fill in', async () => {
  expect((await givenBy('canvas', ',,,,S-1,,student,,X-9,active,,,,', [])).message).toBe(
    'The value of course_id is missing. There are no sections here; where a row names only one, fill in the course of sections.csv.',
  );
});

it('the beginning of an enrollment is when the student was enrolled', async () => {
  const em = place.database.em.fork();
  em.remove(await em.findAll(Enrollment));
  await em.flush();
  await run('oneroster', 'classSourcedId,userSourcedId,role,beginDate\nC-1,S-1,student,2026-01-05\n');
  await run('moodle', 'add,student,S-2,C-1,1767571200\n');
  const moments = (await place.database.em.fork().findAll(Enrollment)).map(({ enrolledAt }) =>
    enrolledAt.toISOString(),
  );
  expect(moments).toEqual(['2026-01-05T00:00:00.000Z', '2026-01-05T00:00:00.000Z']);
});

it('the file of teachers of School Data Sync 1, which has the same columns, is refused', async () => {
  const text = 'Section SIS ID,SIS ID\nC-1,S-1\n';
  await expect(run('sds-v1', text, {}, 'TeacherRoster.csv')).rejects.toThrow(
    'TeacherRoster.csv has the teachers; the students are in StudentEnrollment.csv.',
  );
  expect((await run('sds-v1', text, {}, 'StudentEnrollment.csv')).bad).toEqual([]);
});

it('a file of phpMyAdmin may name no columns, and have doubled quotes or backslashes', async () => {
  const { database } = place;
  const rows = async (text: string, options: EnrollmentImportOptions = {}) => {
    const { bad, rows: read } = await run('phpmyadmin', text, { matching: {}, ...options });
    return { read, bad: bad.map(({ code }) => code) };
  };
  const header = ['course_id', 'student_id', 'status', 'enrolled_at'];
  await expect(rows('"1","1","active",NULL\n')).rejects.toThrow('name its columns by --columns');
  expect(await rows('"1","1","active",NULL\n', { header })).toEqual({ read: 1, bad: [] });
  expect(await rows('"Say ""so""";"1";"active";NULL\n', { header })).toEqual({ read: 1, bad: [] });
  expect(await rows('"Say \\"so\\"";"1";"active";NULL\n', { header, form: { escape: '\\' } })).toEqual({
    read: 1,
    bad: [],
  });
  expect(await rows('"Say \\"so\\"";"1";"active";NULL\n', { header })).toEqual({ read: 1, bad: ['QUOTING'] });
  expect(await database.em.fork().count(Enrollment, { course: { title: 'Say "so"' } })).toBe(1);
});

it('dates of a file in another form are read by the one that is named', async () => {
  const dates = dateForm('YYYYMMDD')!;
  expect(
    (await run('oneroster', 'classSourcedId,userSourcedId,role,endDate\nC-1,S-1,student,20200630\n', { dates })).bad,
  ).toMatchObject([{ code: 'ENDED' }]);
});
