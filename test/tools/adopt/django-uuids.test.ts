import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase } from '../../../src/database/database.js';
import { databaseKinds } from '../../../src/database/dialects/dialects.js';
import type { DatabaseMap } from '../../../src/map/map-form.js';
import { definitionsIn } from '../../support/catalog.js';
import { placeToRun } from '../../support/command-line.js';
import { freshUrl, kinds } from '../../support/databases.js';
import { describeAmong } from '../../support/describe-among.js';
import { DjangoSession, hasDjango } from '../../support/django-session.js';
import { filledByDjango } from '../../support/django-tables.js';

/** What makes the tables and some rows: the count of the first course is wrong. */
const begin = `
from django.core.management import call_command
call_command('migrate', verbosity=0)
from core.models import Course, Enrollment, User
teacher = User.objects.create_user('mary', 'mary@school.example', first_name='Mary', role='teacher')
students = [User.objects.create_user(f'student{n}', f'student{n}@school.example') for n in range(1, 4)]
optics, botany = [
    Course.objects.create(title=title, slug=title.lower(), description='', status='published', is_published=True, instructor=teacher)
    for title in ['Optics', 'Botany']
]
for student in students:
    Enrollment.objects.create(course=optics, student=student)
Enrollment.objects.create(course=botany, student=students[2], status='completed')
Course.objects.filter(pk=optics.pk).update(total_enrollments=25)
`;

/** The titles of the courses with the emails of their students, as Django has them. */
const pairs = `
for e in Enrollment.objects.order_by('course__title', 'student__email'): print(e.course.title, e.student.email, e.status)
`;

describeAmong(
  databaseKinds,
  kind => kinds.includes(kind) && hasDjango(),
  kind => `a database with UUIDs that Django has made, on ${kind}`,
  kind => {
    it(
      "a Django app's database with UUIDs is checked, copied with numbers, copied again after more writes, and opened in place",
      { timeout: 120_000 },
      async () => {
        const { url, drop } = freshUrl(kind);
        const maker = await openDatabase(url);
        await maker.schema.ensureDatabase();
        const django = new DjangoSession(kind, url, 'uuid');
        const place = placeToRun();
        const { url: from, password } = partsOf(url);
        const run = async (...words: string[]): Promise<{ stdout: string; stderr: string }> => {
          const { code, stdout, stderr } = await place.run(words, { FROM_PASSWORD: password });
          expect({ words, code, stderr: code === 0 ? '' : stderr }).toEqual({ words, code: 0, stderr: '' });
          return { stdout, stderr };
        };
        try {
          expect(await django.run(begin)).toBe('');
          const before = await definitionsIn(maker, kind);
          await run('adopt', '--check', '--write-map', '--from', from);
          const { stdout: report } = await run('adopt', '--check', '--from', from);
          expect(report).toMatch(/These keys are no numbers: core_user\.id \(\S+\), core_course\.id/);
          const without = await place.run(['import', 'database', '--from', from], { FROM_PASSWORD: password });
          expect(without).toMatchObject({
            code: 1,
            stderr:
              'Nothing was copied. These keys are no numbers: core_user.id, core_course.id, core_enrollments.id. Rollcall gives each a number; name the file that keeps these, and that each later copy needs, such as --ids ids.jsonl.\n',
          });

          const copy = ['import', 'database', '--from', from, '--ids', 'ids.jsonl'];
          expect((await run(...copy)).stdout).toBe(
            'core_user: 4 rows: 4 added, 0 already there, 0 rejected.\ncore_course: 2 rows: 2 added, 0 already there, 0 rejected.\ncore_enrollments: 4 rows: 4 added, 0 already there, 0 rejected.\n',
          );
          const ids = readFileSync(join(place.folder, 'ids.jsonl'), 'utf8');
          expect(ids).toContain(await django.run('print(\'"key":"%s"\' % optics.pk, end=\'\')'));
          await run('verify');
          await django.run('Enrollment.objects.create(course=botany, student=students[0])');
          expect((await run(...copy)).stdout).toContain(
            'core_enrollments: 5 rows: 1 added, 4 already there, 0 rejected.\n',
          );
          await run('verify');
          const { stdout } = await run('export', 'enrollments', '--format', 'jsonl');
          const ours = stdout
            .trim()
            .split('\n')
            .map(line => JSON.parse(line) as Record<'course' | 'student' | 'status', string>)
            .map(({ course, student, status }) => `${course} ${student} ${status}\n`);
          expect(ours.toSorted().join('')).toBe(await django.run(pairs));
          expect(await definitionsIn(maker, kind)).toEqual(before);

          const path = join(place.folder, 'rollcall.map.json');
          const guessed = JSON.parse(readFileSync(path, 'utf8')) as DatabaseMap;
          const blank = { value: '' };
          const courseFill = { ...filledByDjango.courses, language: blank, thumbnail: blank };
          const enrollmentFill = { ...filledByDjango.enrollments, certificate_url: blank };
          writeFileSync(
            path,
            JSON.stringify({
              ...guessed,
              courses: { ...guessed.courses, fill: courseFill },
              enrollments: { ...guessed.enrollments, fill: enrollmentFill },
            }),
          );
          const inPlace = async (...words: string[]): Promise<string> => {
            const { code, stdout: told, stderr } = await place.run(words, { DATABASE_URL: url });
            expect({ words, code, stderr: code === 0 ? '' : stderr }).toEqual({ words, code: 0, stderr: '' });
            return told;
          };
          const keyOf = (name: string): Promise<string> => django.run(`print(${name}, end='')`);
          const [course, student] = [await keyOf('botany.pk'), await keyOf('students[1].pk')];
          expect(course).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
          expect(await inPlace('adopt', '--yes')).toContain(`(ID: ${await keyOf('optics.pk')}) - total_enrollments: 3`);
          await inPlace('shell', '--commit', '--eval', `await enroll('${course}', '${student}')`);
          expect(
            await django.run(
              "e = Enrollment.objects.get(course=botany, student=students[1]); print(e.pk.version, e.status, Course.objects.get(pk=botany.pk).total_enrollments, end='')",
            ),
          ).toBe('4 active 3');
          await inPlace('verify');
          await inPlace('adopt', '--undo', '--yes');
          expect(await definitionsIn(maker, kind)).toEqual(before);
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

/** Returns a URL without its password, as a command line has it, and the password. */
function partsOf(url: string): { readonly url: string; readonly password: string } {
  if (url.startsWith('sqlite:')) return { url, password: '' };
  const { password } = new URL(url);
  return { url: Object.assign(new URL(url), { password: '' }).href, password: decodeURIComponent(password) };
}
