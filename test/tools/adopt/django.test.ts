import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { databaseKinds } from '../../../src/database/dialects/dialects.js';
import { Role } from '../../../src/entities/index.js';
import { mapFrom } from '../../../src/map/map-form.js';
import { startApi } from '../../support/api.js';
import { definitionsIn } from '../../support/catalog.js';
import { placeToRun, type Place } from '../../support/command-line.js';
import { freshUrl, kinds } from '../../support/databases.js';
import { describeAmong } from '../../support/describe-among.js';
import { explainQuery, shellTry, updateAll, verifyProcedure, verifyQuery } from '../../support/django-checklist.js';
import { DjangoSession, hasDjango } from '../../support/django-session.js';
import { clientsHere, dumpOf, pipeTo } from '../../support/sql-clients.js';

/** What makes the tables and some rows: the count of the first course is wrong. */
const begin = `
from django.core.management import call_command
call_command('migrate', verbosity=0)
from core.models import Course, Enrollment, Payment, User
teacher = User.objects.create_user('mary', 'mary@school.example', first_name='Mary', role='teacher')
students = [User.objects.create_user(f'student{n}', f'student{n}@school.example') for n in range(1, 5)]
optics, botany = [
    Course.objects.create(title=title, slug=title.lower(), description='', status='published', is_published=True, instructor=teacher)
    for title in ['Optics', 'Botany']
]
for student in students[1:]:
    Enrollment.objects.create(course=optics, student=student)
Enrollment.objects.create(course=botany, student=students[3], status='completed')
Payment.objects.create(course=botany, user=students[3], amount=10)
Course.objects.filter(pk=optics.pk).update(total_enrollments=25)
`;

/** What Django has stored, as it reads it. */
const everything = `
for model in [User, Course, Enrollment, Payment]:
    print(list(model.objects.order_by('pk').values()))
`;

const fill = {
  courses: {
    slug: { slug: '{title}-{id}' },
    description: { value: '' },
    short_description: { value: '' },
    price: { value: 0 },
    level: { value: 'beginner' },
    language: { value: 'English' },
    duration_hours: { value: 0 },
    thumbnail: { value: '' },
    rating: { value: 0 },
  },
  enrollments: { progress: { value: 0 }, certificate_issued: { value: false }, certificate_url: { value: '' } },
};

const ENROLLED = `mutation ($input: EnrollInput!) { enroll(input: $input) { enrollment { id } course { totalEnrollments activeEnrollments } userErrors { message } } }`;
const LEFT = `mutation ($input: UnenrollInput!) { unenroll(input: $input) { course { totalEnrollments } userErrors { message } } }`;

describeAmong(
  databaseKinds,
  kind => kinds.includes(kind) && hasDjango(),
  kind => `a database that Django has made, on ${kind}`,
  kind => {
    it(
      "a Django app's database is adopted, used from both sides, guarded, and left as it was",
      { timeout: 120_000 },
      async () => {
        const { url, drop } = freshUrl(kind);
        const maker = await openDatabase(url);
        await maker.schema.ensureDatabase();
        const django = new DjangoSession(kind, url);
        const did = new Set<string>();
        const place = recordingPlace(did);
        const env = { DATABASE_URL: url };
        const done = async (...words: string[]): Promise<string> => {
          const { code, stdout, stderr } = await place.run(words, env);
          expect({ words, code, stderr: code === 0 ? '' : stderr }).toEqual({ words, code: 0, stderr: '' });
          return stdout;
        };
        try {
          expect(await django.run(begin)).toBe('');
          const before = await definitionsIn(maker, kind);
          await done('adopt', '--check', '--write-map');
          const path = writtenMap(place, map => {
            map['courses']!['fill'] = fill.courses;
            map['enrollments']!['fill'] = fill.enrollments;
            map['courses']!.columns.status.values['DRAFT'] = ['draft'];
            map['enrollments']!.columns.status.values['DROPPED'] = ['dropped'];
          });
          expect(await done('adopt', '--check')).toMatch(/total_enrollments drifts in 1 course[^]*, 0 failed\./);
          expect(await done('adopt', '--yes')).toContain('Updated course "Optics" (ID: 1) - total_enrollments: 3\n');
          await done('verify');

          for (const query of await usesApi(kind, url, path, django)) did.add(query);
          for (const text of await runsTheirSql(kind, url, django, place)) did.add(text);
          for (const command of ['update-total-enrollments --help', 'doctor', 'counters status', 'sql verify'])
            await done(...command.split(' '));
          if (kind !== 'sqlite') await done('sql', 'procedure');
          expect(await place.run(['shell', '--eval', 'await unenroll(await enroll(1, 2))'], env)).toMatchObject({
            code: 0,
            stderr: expect.stringContaining('Course 1 "Optics": totalEnrollments 3 → 4, activeEnrollments 3 → 4\n'),
          });
          did.add('rollcall shell');

          // Beside a guard, Django's signals and save() change no count; SQLite has triggers only.
          await done('counters', 'use', 'triggers', ...(kind === 'sqlite' ? [] : ['--guard']));
          expect(await django.run(shellTry)).toBe('Before: 3\nAfter create: 4\nAfter delete: 3\n');
          expect(
            await django.run(`
from django.core.management import call_command
stale = Course.objects.get(title='Optics')
Enrollment.objects.create(course=optics, student=students[0])
Enrollment.objects.bulk_create([Enrollment(course=botany, student=students[0])])
Enrollment.objects.filter(course=optics, student=students[1]).update(status='dropped')
stale.title = 'Optics II'
stale.save(${kind === 'sqlite' ? "update_fields=['title']" : ''})
print([(c.title, c.total_enrollments) for c in Course.objects.order_by('pk')])
`),
          ).toBe("[('Optics II', 4), ('Botany', 2)]\n");
          await done('verify');
          if (kind !== 'sqlite') await ignoresTheirUpdates(kind, url, django, place, done);
          if (kind === 'mysql' || kind === 'mariadb')
            for (const line of await isDumped(kind, url, django, place)) did.add(line);

          await done('counters', 'use', 'hooks');
          // An undo takes the triggers and the guard away too.
          await done('counters', 'use', 'triggers', ...(kind === 'sqlite' ? [] : ['--guard']));
          const rows = await django.run(everything);
          await done('adopt', '--undo', '--yes');
          expect(await definitionsIn(maker, kind)).toEqual(before);
          expect(await django.run(everything)).toBe(rows);
          expect(
            await django.run(shellTry.replace('student = User', "student = User.objects.create_user('last'); User")),
          ).toBe('Before: 4\nAfter create: 5\nAfter delete: 4\n');
          if (kind !== 'sqlite')
            expect(shownLines().filter(line => !did.has(line) && !isLeftOut(kind, line))).toEqual([]);
        } finally {
          await django.end();
          await maker.close(true);
          await drop();
          place.leave();
        }
      },
    );
  },
);

/** A place that records the commands that ended with 0, as people type them. */
function recordingPlace(did: Set<string>): Place {
  const place = placeToRun();
  return {
    ...place,
    async run(words, env) {
      const ended = await place.run(words, env);
      if (ended.code === 0) did.add(['rollcall', ...words].join(' '));
      return ended;
    },
  };
}

/** Returns the commands, statements and operations in the table of the page, which has all lines of the checklist. */
function shownLines(): string[] {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/moving-django.md'), 'utf8');
  const rows = page.split('\n').filter(line => /^\| \d+ /.test(line));
  expect(rows.map(row => Number(row.split('|')[1]))).toEqual(Array.from({ length: 32 }, (_, index) => index + 1));
  return rows.flatMap(row => [...row.split('|')[3]!.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));
}

/** Returns whether a line is one for MySQL's programs, on another database. */
function isLeftOut(kind: DatabaseKind, line: string): boolean {
  return kind === 'postgresql' && /^mysql|^CREATE PROCEDURE/.test(line);
}

/** The parts of a map that the test changes. */
type Changed = Record<string, Record<string, unknown> & { columns: { status: { values: Record<string, string[]> } } }>;

/** Changes the map in the folder of a place, and returns its path. */
function writtenMap({ folder }: Place, change: (map: Changed) => void): string {
  const path = join(folder, 'rollcall.map.json');
  const map = JSON.parse(readFileSync(path, 'utf8')) as Changed;
  change(map);
  writeFileSync(path, JSON.stringify(map));
  return path;
}

/** An answer has Django's courses, and both programs see each other's enrollments counted; returns the operations. */
async function usesApi(kind: DatabaseKind, url: string, path: string, django: DjangoSession): Promise<string[]> {
  const database = await openDatabase(url, 'hooks', mapFrom(readFileSync(path, 'utf8'), path));
  const api = await startApi(kind, { place: { database, url, drop: () => database.close(true) } });
  try {
    const admin = await api.token(Role.ADMIN, null);
    const { data } = await api.send(
      admin,
      '{ courses(first: 9) { nodes { id title status totalEnrollments activeEnrollments instructor { name } } } }',
    );
    const course = { status: 'ACTIVE', instructor: { name: 'Mary' } };
    expect(data.courses.nodes).toEqual([
      { id: '1', title: 'Optics', totalEnrollments: 3, activeEnrollments: 3, ...course },
      { id: '2', title: 'Botany', totalEnrollments: 1, activeEnrollments: 0, ...course },
    ]);
    const input = { courseId: '1', studentId: '2' };
    const enrolled = await api.send(admin, ENROLLED, { input });
    expect(enrolled).toMatchObject({ data: { enroll: { course: { totalEnrollments: 4, activeEnrollments: 4 } } } });
    expect(
      await django.run('optics.refresh_from_db(); print(optics.total_enrollments, optics.enrollment_set.count())'),
    ).toBe('4 4\n');
    const left = await api.send(admin, LEFT, { input: { enrollmentId: enrolled.data.enroll.enrollment.id } });
    expect(left).toMatchObject({ data: { unenroll: { course: { totalEnrollments: 3 } } } });
    return ['courses', 'enroll', 'unenroll'];
  } finally {
    await api.stop();
  }
}

/** The SQL of the checklist does what it did before, where hooks count; returns what was run. */
async function runsTheirSql(kind: DatabaseKind, url: string, django: DjangoSession, place: Place): Promise<string[]> {
  const [client] = clientsHere(kind);
  const send = async (text: string): Promise<string> => {
    const { code, stdout, stderr } = await pipeTo(client!, url, text).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  await django.run('Enrollment.objects.bulk_create([Enrollment(course=botany, student=students[1])])');
  const shown = await send(verifyQuery);
  expect(shown).toMatch(/Optics[^]*✓ MATCH[^]*Botany[^]*✗ MISMATCH/);
  expect(await send(explainQuery)).not.toBe('');
  if (kind === 'mysql' || kind === 'mariadb') {
    await send(verifyProcedure);
    expect(await send('CALL verify_enrollment_counts()')).toBe('mismatches\n1\n');
    await send('DROP PROCEDURE verify_enrollment_counts');
  }
  // Not the form of an UPDATE on SQLite.
  if (kind !== 'sqlite') {
    await send(updateAll);
    expect(await send(verifyQuery)).not.toContain('MISMATCH');
  }
  // What no hook has seen is missing in the count of active enrollments too.
  const env = { DATABASE_URL: url };
  expect(await place.run(['verify'], env)).toMatchObject({ code: 3 });
  expect(await place.run(['update-total-enrollments'], env)).toMatchObject({ code: 0 });
  expect(await place.run(['verify'], env)).toMatchObject({ code: 0 });
  await django.run('botany.enrollment_set.get(student=students[1]).delete()');
  expect(await place.run(['recount'], env)).toMatchObject({ code: 0 });
  return ['EXPLAIN', 'CREATE PROCEDURE'];
}

/** Under a guard, what other programs assign changes nothing, without an error; a recount repairs. */
async function ignoresTheirUpdates(
  kind: DatabaseKind,
  url: string,
  django: DjangoSession,
  place: Place,
  done: (...words: string[]) => Promise<string>,
): Promise<void> {
  const [client] = clientsHere(kind);
  const allow = kind === 'postgresql' ? "SET counters.may_assign = '1';" : 'SET @counters_may_assign = 1;';
  const wrong = await pipeTo(client!, url, `${allow} UPDATE core_course SET total_enrollments = 25 WHERE id = 1;`)
    .ended;
  expect(wrong).toMatchObject({ code: 0, stderr: '' });
  expect(await pipeTo(client!, url, updateAll).ended).toMatchObject({ code: 0, stderr: '' });
  expect((await pipeTo(client!, url, verifyQuery).ended).stdout).toContain('✗ MISMATCH');
  expect(await django.run("call_command('update_total_enrollments')")).toBe('Updated 1 course(s).\n');
  expect(await place.run(['verify'], { DATABASE_URL: url })).toMatchObject({ code: 3 });
  expect(await done('update-total-enrollments')).toContain('Updated course "Optics II" (ID: 1) - total_enrollments: 4');
  expect((await pipeTo(client!, url, verifyQuery).ended).stdout).not.toContain('MISMATCH');
}

/**
 * A dump with a guard is restored as it was; one of the courses alone brings back their old counts. Returns the commands.
 */
async function isDumped(
  kind: 'mysql' | 'mariadb',
  url: string,
  django: DjangoSession,
  place: Place,
): Promise<string[]> {
  const client = clientsHere(kind)[0] as 'mysql' | 'mariadb';
  const [whole, courses] = [dumpOf(client, url), dumpOf(client, url, 'core_course')];
  const copy = freshUrl(kind);
  const database = await openDatabase(copy.url);
  await database.schema.ensureDatabase();
  expect(await pipeTo(client, copy.url, whole).ended).toMatchObject({ code: 0, stderr: '' });
  const copied = { DATABASE_URL: copy.url };
  expect(await place.run(['verify'], copied)).toMatchObject({ code: 0 });
  expect((await place.run(['counters', 'status'], copied)).stdout).toContain('triggers with a guard');
  await database.close(true);
  await copy.drop();

  await django.run('Enrollment.objects.create(course=botany, student=students[2])');
  const env = { DATABASE_URL: url };
  expect(await pipeTo(client, url, courses).ended).toMatchObject({ code: 0, stderr: '' });
  expect(await place.run(['verify'], env)).toMatchObject({ code: 3 });
  expect((await place.run(['counters', 'status'], env)).stdout).toContain('triggers with a guard');
  expect(await place.run(['recount'], env)).toMatchObject({ code: 0 });
  expect(await place.run(['verify'], env)).toMatchObject({ code: 0 });
  return ['mysqldump django > before.sql', 'mysql copy < before.sql'];
}
