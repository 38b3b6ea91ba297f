import { expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.js';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { enrollmentFormats } from '../../../src/tools/import/formats/formats.js';
import type { EnrollmentImportOptions } from '../../../src/tools/import/import-enrollments.js';
import { importFormat } from '../../../src/tools/import/import-format.js';
import type { ImportResult } from '../../../src/tools/import/run-import.js';
import { coursesWithDrift } from '../../support/courses-with-drift.js';
import { describeOnEach, freshDatabase } from '../../support/databases.js';
import { addCourses } from '../../support/rows.js';
import { addStudents } from '../../support/students.js';
import { textSource } from '../../support/text-source.js';

/** The names that another system has for the courses and students of a test. */
const matching = {
  courseNames: {
    file: 'courses.csv',
    names: new Map([
      ['CS-101', 'Algebra'],
      ['CS-102', 'Optics'],
    ]),
  },
  userNames: {
    file: 'users.csv',
    names: new Map(['a', 'b', 'c', 'd', 'e'].map((name, index) => [name, `s${index + 1}@example.org`])),
  },
};

async function school(kind: Parameters<typeof freshDatabase>[0]): Promise<{
  database: Database;
  run: (
    format: string,
    text: string,
    options?: EnrollmentImportOptions,
  ) => Promise<ImportResult & { reasons: string[]; notes: string[] }>;
  rows: () => Promise<string[]>;
  drop: () => Promise<void>;
}> {
  const { database, drop } = await freshDatabase(kind);
  await addCourses(database, [{ title: 'Algebra' }, { title: 'Optics', capacity: 1 }]);
  await addStudents(database, 5);
  return {
    database,
    drop,
    async run(format, text, options) {
      const found: BadRow[] = [];
      const notes: string[] = [];
      const result = await importFormat(database, textSource(text), enrollmentFormats[format]!, {
        matching,
        ...options,
        onBadRow: bad => found.push(bad),
        onNote: note => notes.push(note),
      });
      expect(await coursesWithDrift(database)).toEqual([]);
      return { ...result, reasons: found.map(({ line, code }) => `${line} ${code}`), notes };
    },
    async rows() {
      const all = await database.em
        .fork()
        .findAll(Enrollment, { populate: ['course', 'student'], orderBy: { course: 'asc', student: 'asc' } });
      return all.map(({ course, student, status }) =>
        [course.unwrap().title, student.unwrap().email.slice(0, 2), status].join(' '),
      );
    },
  };
}

/** A file of each format in which a and b enroll, c is refused as a teacher, and what else the format can say. */
const files: Readonly<Record<string, { text: string; bad: string[]; rows: string[]; notes?: string[] }>> = {
  canvas: {
    text: `course_id,user_id,role,section_id,status
CS-101,a,student,s1,active
CS-101,b,student,,active
CS-101,b,student,,inactive
CS-101,c,teacher,,active
CS-101,d,student,,active
CS-101,d,student,,deleted
CS-101,e,student,,deleted_last_completed
,a,student,s1,active
CS-101,a,student,,invited
`,
    bad: ['5 BAD_ROLE', '9 MISSING_VALUE', '10 BAD_OPERATION'],
    rows: ['Algebra s1 active', 'Algebra s2 suspended', 'Algebra s5 completed'],
    notes: ['FILE.csv:1: not used are the columns section_id.'],
  },
  oneroster: {
    text: `"sourcedId","status","dateLastModified","classSourcedId","schoolSourcedId","userSourcedId","role","primary","beginDate","endDate"
"1","active","2026-01-01T00:00:00.000Z","CS-101","x","a","student","","2026-01-05",""
"2","","","CS-101","x","b","student","","",""
"3","tobedeleted","","CS-101","x","b","student","","",""
"4","active","","CS-101","x","c","teacher","true","",""
"5","inactive","","CS-101","x","d","student","","",""
`,
    bad: ['5 BAD_ROLE', '6 BAD_OPERATION'],
    rows: ['Algebra s1 active'],
    notes: ['FILE.csv:1: not used are the columns sourcedId, dateLastModified, schoolSourcedId, primary.'],
  },
  moodle: {
    text: `add, student, a, CS-101
add, student, b, CS-101, 1769817600, 220000000000
del, student, b, CS-101
add, editingteacher, c, CS-101
drop, student, a, CS-101
add, student, d, CS-101, 0, 0
add, student, e, CS-101, soon
`,
    bad: ['4 BAD_ROLE', '5 BAD_OPERATION', '7 BAD_DATE'],
    rows: ['Algebra s1 active', 'Algebra s4 active'],
  },
  blackboard: {
    text: `EXTERNAL_COURSE_KEY|EXTERNAL_PERSON_KEY|ROLE|ROW_STATUS|AVAILABLE_IND
CS-101|a|Student|enabled|Y
CS-101|b|student|ENABLED|N
CS-101|c|Instructor|enabled|Y
CS-101|d|student|disabled|
CS-101|e|student||Y
CS-101|e|student|deleted|Y
CS-101|e|student|enabled|maybe
***FileFooter|7|20260131***
`,
    bad: ['4 BAD_ROLE', '8 BAD_OPERATION'],
    rows: ['Algebra s1 active', 'Algebra s2 suspended', 'Algebra s4 suspended'],
  },
  'sds-v1': {
    text: 'Section SIS ID,SIS ID\nCS-101,a\nCS-101,b\nCS-109,b\n',
    bad: ['4 UNKNOWN_COURSE'],
    rows: ['Algebra s1 active', 'Algebra s2 active'],
  },
  'sds-v2.1': {
    text: 'classSourcedId,userSourcedId,role\nCS-101,a,student\nCS-101,b,Student\nCS-101,c,teacher\n',
    bad: ['4 BAD_ROLE'],
    rows: ['Algebra s1 active', 'Algebra s2 active'],
  },
  brightspace: {
    text: `type,action,child_code,role_name,parent_code
enrollment,UPDATE,a,Student,CS-101
enrollment,,b,Student,CS-101
enrollment,create,d,Student,CS-101
enrollment,DELETE,d,Student,CS-101
enrollment,UPDATE,c,Teacher,CS-101
user,UPDATE,a,Student,CS-101
enrollment,MOVE,a,Student,CS-101
`,
    bad: ['6 BAD_ROLE', '7 BAD_OPERATION', '8 BAD_OPERATION'],
    rows: ['Algebra s1 active', 'Algebra s2 active'],
  },
  'open-edx': {
    text: 'id\tuser_id\tcourse_id\tcreated\tis_active\tmode\n1\ta\tCS-101\t2014-01-01 17:28:27\t1\taudit\n2\tb\tCS-101\tNULL\t0\thonor\n3\tc\tCS-101\t\t2\thonor\n',
    bad: ['4 BAD_OPERATION'],
    rows: ['Algebra s1 active', 'Algebra s2 dropped'],
    notes: ['FILE.csv:1: not used are the columns id, mode.'],
  },
  phpmyadmin: {
    text: '"id","course_id","student_id","status","enrolled_at","updated_at"\n"1","CS-101","a","completed","2026-01-31 10:00:00","2026-01-31 10:00:00"\n"2","CS-101","b","active",NULL,NULL\n"3","CS-101","c","left",NULL,NULL\n',
    bad: ['4 BAD_OPERATION'],
    rows: ['Algebra s1 completed', 'Algebra s2 active'],
    notes: ['FILE.csv:1: not used are the columns id, updated_at.'],
  },
};

describeOnEach('files of other systems', kind => {
  it('each format does what its rows say, refuses what it cannot do, and leads to the same when it is read again', async () => {
    expect(Object.keys(files).toSorted()).toEqual(Object.keys(enrollmentFormats).toSorted());
    const { database, run, rows, drop } = await school(kind);
    for (const [format, { text, bad, rows: expected, notes = [] }] of Object.entries(files)) {
      const dry = await run(format, text, { dryRun: true });
      const wet = await run(format, text);
      expect([format, wet.reasons, wet.notes]).toEqual([format, bad, notes]);
      expect({ ...dry, outcome: 'finished' }).toEqual(wet);
      expect([format, await rows()]).toEqual([format, expected]);
      expect(await run(format, text)).toMatchObject({ reasons: bad });
      expect([format, await rows()]).toEqual([format, expected]);
      const em = database.em.fork();
      em.remove(await em.findAll(Enrollment));
      await em.flush();
    }
    await drop();
  });

  it('an operation changes and removes enrollments that are there, and each is counted', async () => {
    const { run, rows, drop } = await school(kind);
    const lines = (...all: string[]): string => ['course_id,user_id,role,status', ...all].join('\n');
    expect(
      await run('canvas', lines('CS-101,a,student,active', 'CS-101,b,student,active', 'CS-101,c,student,active')),
    ).toMatchObject({ added: 3, changed: 0, removed: 0 });
    expect(
      await run(
        'canvas',
        lines(
          'CS-101,a,student,completed',
          'CS-101,b,student,deleted',
          'CS-101,c,student,active',
          'CS-101,d,student,deleted',
          'CS-101,e,student,active',
        ),
      ),
    ).toMatchObject({ rows: 5, added: 1, changed: 1, removed: 1, alreadyThere: 2, skipped: 0, bad: 0 });
    expect(await rows()).toEqual(['Algebra s1 completed', 'Algebra s3 active', 'Algebra s5 active']);
    await drop();
  });

  it('a seat that a row frees can be taken by the next one, and no course gets above its capacity', async () => {
    const { database, run, rows, drop } = await school(kind);
    const text = [
      'add,student,a,CS-102',
      'add,student,b,CS-102',
      'del,student,a,CS-102',
      'add,student,c,CS-102',
      'add,student,a,CS-102',
    ].join('\n');
    for (const options of [{ dryRun: true }, { strict: true }, {}])
      expect(await run('moodle', text, options)).toMatchObject({ reasons: ['2 COURSE_FULL', '5 COURSE_FULL'] });
    expect(await rows()).toEqual(['Optics s3 active']);
    expect(await database.em.fork().findOneOrFail(Course, { title: 'Optics' })).toMatchObject({ activeEnrollments: 1 });
    expect(await run('moodle', 'del,student,c,CS-102\nadd,student,a,CS-102\n', { strict: true })).toMatchObject({
      added: 1,
      removed: 1,
      bad: 0,
    });
    await drop();
  });

  it('roles and operations mean what --values says, and what it skips is counted', async () => {
    const { run, rows, drop } = await school(kind);
    const values = new Map([
      [
        'role',
        new Map([
          ['teacher', 'skip'],
          ['pupil', 'student'],
        ]),
      ],
      ['operation', new Map([['invited', 'active']])],
    ]);
    expect(
      await run(
        'canvas',
        'course_id,user_id,role,status\nCS-101,a,Pupil,invited\nCS-101,b,teacher,active\nCS-101,c,ta,active\n',
        { values },
      ),
    ).toMatchObject({ rows: 3, added: 1, skipped: 1, bad: 1, reasons: ['4 BAD_ROLE'] });
    expect(await rows()).toEqual([`Algebra s1 ${EnrollmentStatus.ACTIVE}`]);
    await drop();
  });
});
