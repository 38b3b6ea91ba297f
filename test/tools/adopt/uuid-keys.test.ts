import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openByMap } from '../../../src/cli/database/open-by-map.js';
import { undoAdoption } from '../../../src/database/adoption/adopt.js';
import { openDatabase, openToAdopt } from '../../../src/database/database.js';
import { uuidSamples } from '../../../src/database/mapped/key-forms.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import { keyOfText, keyText, Role, type KeyForm } from '../../../src/entities/index.js';
import type { DatabaseMap } from '../../../src/map/map-form.js';
import { guessedMap } from '../../../src/tools/adopt/map/load-map.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { examinedPlan } from '../../../src/tools/adopt/place/refusals.js';
import { examineKeptRows } from '../../../src/tools/doctor/kept-rows.js';
import { sqlScript } from '../../../src/tools/sql-scripts.js';
import { runNatively } from '../../random/other-databases/native.js';
import { keysOn, rowsOf, UuidSchool } from '../../support/adopted-uuids.js';
import type { Api } from '../../support/api.js';
import { definitionsIn } from '../../support/catalog.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';
import { clientsHere, pipeTo } from '../../support/sql-clients.js';
import { byteTypes, keyOfForm, shownOfForm, sqlKey, sqlKeyOfForm, uuidSchool } from '../../support/uuid-school.js';

const NEW_UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

describeOnEach('a database of another application with UUIDs', kind => {
  describe.each(keysOn[kind])('as keys of users (%s), courses (%s) and enrollments (%s)', (...keys) => {
    const [ofUsers, ofCourses, ofEnrollments] = keys;
    let school: UuidSchool;
    let api: Api;
    let url: string;
    let map: DatabaseMap;
    const course = (number: number): string => shownOfForm(ofCourses, number);
    const user = (number: number): string => shownOfForm(ofUsers, number);
    const enrollment = (number: number): string => shownOfForm(ofEnrollments, number);
    const send = (query: string, token?: string): Promise<any> => school.send(query, token);
    const expectExact = (): Promise<void> => school.expectExact();

    beforeAll(async () => {
      school = await UuidSchool.open(kind, keys);
      ({ api, url, map } = school);
    });
    afterAll(() => school.close());

    it('a database with UUIDs is refused with a map that has other keys than those by which it was adopted', async () => {
      const plain = await openToAdopt(url);
      const keysOfCourses = ofCourses === 'number' ? 'uuid-text' : 'number';
      const other = { ...map, courses: { ...map.courses, keys: keysOfCourses } } as DatabaseMap;
      const tables = await findTables(plain);
      const { refusals } = await examinedPlan({ theirs: new TheirDatabase(plain), tables, map: other });
      await plain.close(true);
      expect(refusals).toContain(
        'The database was adopted by a map with other keys for the courses. Take the adoption back with "rollcall adopt --undo" first.',
      );
    });

    it('a database with UUIDs is mapped by its forms, and its counts are set right by a recount that names courses', async () => {
      const form = (one: KeyForm): object => (one === 'number' ? {} : { keys: one });
      expect(map).toMatchObject({ users: form(ofUsers), courses: form(ofCourses), enrollments: form(ofEnrollments) });
      await runNatively(
        kind,
        url,
        [1, 2].map(
          number => `update courses set total_enrollments = 77 where id = ${sqlKeyOfForm(kind, ofCourses, number)}`,
        ),
      );
      const { recountEnrollments } = await send(
        `mutation { recountEnrollments(input: { courseIds: ["${course(2)}", "${course(1)}"] }) { userErrors { message } run { id status courseIds repaired changes { nodes { courseId before after course { title } } } } } }`,
      );
      const { run, userErrors } = recountEnrollments;
      expect({ userErrors, status: run.status, repaired: run.repaired }).toEqual({
        userErrors: [],
        status: 'SUCCEEDED',
        repaired: 2,
      });
      expect(run.courseIds.toSorted()).toEqual([course(1), course(2)].toSorted());
      expect(run.changes.nodes).toContainEqual({
        courseId: course(1),
        before: 77,
        after: 6,
        course: { title: 'Course 1' },
      });
      const undone = await send(
        `mutation { undoRecount(input: { id: "${run.id}" }) { userErrors { message } run { status error drifted repaired } } }`,
      );
      expect(undone.undoRecount).toMatchObject({ userErrors: [], run: { status: 'SUCCEEDED', repaired: 2 } });
      expect((await send(`{ course(id: "${course(2)}") { totalEnrollments } }`)).course.totalEnrollments).toBe(77);
      await send('mutation { recountEnrollments { run { status } } }');
      await expectExact();
    });

    it('a server on a database with UUIDs reads ids in each spelling, and refuses others by name', async () => {
      const cases = [
        ['course', ofCourses, 1],
        ['enrollment', ofEnrollments, 3],
      ] as const;
      const admin = await api.token(Role.ADMIN, null);
      for (const [field, form, number] of cases) {
        const id = shownOfForm(form, number);
        const spellings = form === 'number' ? [id] : [id, id.toUpperCase(), id.replaceAll('-', '')];
        for (const spelling of spellings)
          expect(await send(`{ ${field}(id: "${spelling}") { id } }`)).toEqual({ [field]: { id } });
        const absent = form === 'number' ? '999' : 'ffffffff-ffff-4fff-bfff-ffffffffffff';
        expect(await send(`{ ${field}(id: "${absent}") { id } }`)).toEqual({ [field]: null });
        const wrong = form === 'number' ? 'ffffffff-ffff-4fff-bfff-ffffffffffff' : '12';
        for (const bad of [wrong, "x' or '1", `${id}0`.slice(form === 'number' ? 99 : 0), '']) {
          const { errors } = await api.send(admin, `query ($id: ID!) { ${field}(id: $id) { id } }`, { id: bad });
          expect(errors).toMatchObject([
            {
              message: expect.stringContaining(form === 'number' ? 'ids are whole numbers' : 'ids are UUIDs'),
              extensions: { code: 'BAD_USER_INPUT' },
            },
          ]);
        }
      }
      const filter = await api.send(admin, '{ courses(filter: { ids: ["slug"] }) { totalCount } }');
      expect(filter.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'filter.ids.0' });
      expect(
        (
          await send(
            `{ courses(filter: { ids: ["${course(3)}", "${course(1)}"], instructorId: "${user(1)}" }) { nodes { id } } }`,
          )
        ).courses.nodes,
      ).toEqual([{ id: course(1) }]);
    });

    it('a database with UUIDs has pages forward and backward in every order, for each viewer, with the same rows once', async () => {
      const admin = await api.token(Role.ADMIN, null);
      const viewers = [
        [admin, 7],
        [await api.token(Role.TEACHER, keyOfForm(ofUsers, 1)), 7],
        [await api.token(Role.STUDENT, keyOfForm(ofUsers, 2)), 2],
      ] as const;
      const lists = ['ID', 'ENROLLED_AT'].flatMap(field =>
        (field === 'ID' ? ['ASC', 'DESC'] : ['DESC']).flatMap(direction =>
          viewers.flatMap(([token, rows]) =>
            (field === 'ID' ? [''] : ['status: [ACTIVE, DROPPED]', 'status: ACTIVE']).map(
              filter =>
                [
                  'enrollments',
                  `orderBy: { field: ${field} direction: ${direction} } filter: { ${filter} }`,
                  token,
                  filter === 'status: ACTIVE' && rows === 7 ? 6 : rows,
                ] as const,
            ),
          ),
        ),
      );
      const ofCourse = ['ID', 'TITLE', 'TOTAL_ENROLLMENTS'].map(
        field => ['courses', `orderBy: { field: ${field} direction: DESC }`, admin, 3] as const,
      );
      for (const [list, rest, token, rows] of [...lists, ...ofCourse]) {
        const read = async (way: 'forward' | 'backward'): Promise<string[]> => {
          const found: string[] = [];
          for (let cursor = ''; ;) {
            const size = way === 'forward' ? 'first: 2' : 'last: 2';
            const { page } = await send(
              `{ page: ${list}(${size} ${cursor} ${rest}) { nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
              token,
            );
            const ids = page.nodes.map(({ id }: { id: string }) => id);
            if (way === 'forward') found.push(...ids);
            else found.unshift(...ids);
            expect(page.totalCount).toBe(rows);
            const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
            if (!(way === 'forward' ? hasNextPage : hasPreviousPage)) return found;
            cursor = way === 'forward' ? `after: "${endCursor}"` : `before: "${startCursor}"`;
          }
        };
        const forward = await read('forward');
        expect({ rest, ids: forward }).toEqual({ rest, ids: await read('backward') });
        expect({ rest, rows: new Set(forward).size }).toEqual({ rest, rows });
      }
    });

    if (keys.includes('uuid'))
      it('a database with UUIDs is opened with a question for the order of UUIDs', async () => {
        const sent: string[] = [];
        const opened = await openByMap(async given => {
          const one = await openDatabase(url, 'hooks', given);
          const connection = one.em.getConnection();
          const execute = connection.execute.bind(connection) as (...words: unknown[]) => Promise<unknown>;
          connection.execute = ((...words: unknown[]) => {
            sent.push(String(words[0]));
            return execute(...words);
          }) as never;
          return one;
        });
        await opened.close(true);
        expect(sent.filter(sql => sql.includes(uuidSamples[1]!))).toHaveLength(1);
      });

    it('a server on a database with UUIDs refuses a cursor of other keys', async () => {
      const admin = await api.token(Role.ADMIN, null);
      const forged = (key: unknown): string => cursorWith('courses', 'ID', key);
      const others = ofCourses === 'number' ? [keyOfForm('uuid-text', 1)] : [7, null, 'a\0'];
      for (const key of [...others, ...(ofCourses === 'uuid' ? ['slug', "'"] : [])])
        expect((await api.send(admin, `{ courses(after: "${forged(key)}") { totalCount } }`)).errors).toMatchObject([
          { extensions: { code: 'BAD_USER_INPUT', argument: 'after' } },
        ]);
      expect(await send(`{ courses(after: "${forged(keyOfForm(ofCourses, 1))}") { totalCount } }`)).toEqual({
        courses: { totalCount: 3 },
      });
    });

    it('a database with UUIDs is changed with exact counts: enrolled, moved, set, created, deleted', async () => {
      const idPattern = ofEnrollments === 'number' ? /^\d+$/ : NEW_UUID;
      const { enroll } = await send(
        `mutation { enroll(input: { courseId: "${course(3).toUpperCase()}" studentId: "${user(8)}" }) { userErrors { message } enrollment { id student { id } course { id } } course { id totalEnrollments } } }`,
      );
      expect(enroll).toEqual({
        userErrors: [],
        enrollment: { id: expect.stringMatching(idPattern), student: { id: user(8) }, course: { id: course(3) } },
        course: { id: course(3), totalEnrollments: 1 },
      });
      const again = await send(
        `mutation { enroll(input: { courseId: "${course(3)}" studentId: "${user(8)}" }) { userErrors { code message } } }`,
      );
      expect(again.enroll.userErrors).toMatchObject([
        {
          code: 'ALREADY_ENROLLED',
          message: expect.stringContaining(`Student ${user(8)} is enrolled in course ${course(3)}`),
        },
      ]);
      const { enrollMany } = await send(
        `mutation { enrollMany(input: { courseId: "${course(3)}" studentIds: ["${user(3)}", "${user(4)}"] }) { userErrors { message } enrollments { id } course { totalEnrollments } } }`,
      );
      expect(enrollMany).toMatchObject({ userErrors: [], course: { totalEnrollments: 3 } });
      const { transferEnrollment } = await send(
        `mutation { transferEnrollment(input: { enrollmentId: "${enroll.enrollment.id}" courseId: "${course(2)}" }) { userErrors { message } from { id totalEnrollments } to { id totalEnrollments } } }`,
      );
      expect(transferEnrollment).toEqual({
        userErrors: [],
        from: { id: course(3), totalEnrollments: 2 },
        to: { id: course(2), totalEnrollments: 2 },
      });
      const { setEnrollmentStatus } = await send(
        `mutation { setEnrollmentStatus(input: { enrollmentId: "${enrollMany.enrollments[0].id}" status: DROPPED }) { userErrors { message } course { totalEnrollments activeEnrollments } } }`,
      );
      expect(setEnrollmentStatus).toEqual({ userErrors: [], course: { totalEnrollments: 2, activeEnrollments: 1 } });
      const { createCourse } = await send(
        `mutation { createCourse(input: { title: "New" status: ACTIVE isPublished: true instructorId: "${user(1)}" }) { userErrors { message } course { id instructor { id } } } }`,
      );
      expect(createCourse).toEqual({
        userErrors: [],
        course: { id: expect.stringMatching(ofCourses === 'number' ? /^\d+$/ : NEW_UUID), instructor: { id: user(1) } },
      });
      await expectExact();
      const { id } = createCourse.course;
      expect(await send(`mutation { deleteCourse(input: { id: "${id}" }) { deletedId } }`)).toEqual({
        deleteCourse: { deletedId: id },
      });
      for (const one of [enroll.enrollment.id, ...enrollMany.enrollments.map((given: { id: string }) => given.id)])
        expect(
          await send(`mutation { unenroll(input: { enrollmentId: "${one}" }) { deletedId userErrors { message } } }`),
        ).toEqual({ unenroll: { deletedId: one, userErrors: [] } });
      await expectExact();
      const { enrollments } = await send(
        `{ enrollments(filter: { courseId: "${course(2)}" }) { nodes { id student { id } } } }`,
      );
      expect(enrollments.nodes).toEqual([{ id: enrollment(7), student: { id: user(2) } }]);
    });

    // Bytes of the servers that have 16 in every row are a UUID.
    if (ofCourses.startsWith('uuid-') && !(ofCourses === 'uuid-binary' && ['mysql', 'mariadb'].includes(kind)))
      it('a server on a database with UUIDs lists and counts a row whose key is no UUID, which no request can name', async () => {
        const admin = await api.token(Role.ADMIN, null);
        const [key, literal] =
          ofCourses === 'uuid-binary'
            ? ['0a0b', sqlKey(kind, ofCourses, keyOfText('0a0b', ofCourses))]
            : [
                // PostgreSQL fills a CHAR up with spaces, and shows these.
                "it's a slug".padEnd(kind !== 'postgresql' ? 0 : ofCourses === 'uuid-text' ? 36 : 32),
                "'it''s a slug'",
              ];
        await runNatively(kind, url, [
          `insert into courses (id, title, status, is_published, total_enrollments) values (${literal}, 'Slug', 'active', true, 4)`,
        ]);
        const found: string[] = [];
        for (let after = ''; ;) {
          const { courses } = await send(
            `{ courses(first: 1 ${after} orderBy: { field: ID direction: ASC }) { nodes { id } pageInfo { hasNextPage endCursor } } }`,
          );
          found.push(courses.nodes[0].id);
          if (!courses.pageInfo.hasNextPage) break;
          after = `after: "${courses.pageInfo.endCursor}"`;
        }
        expect(found.filter(id => id === key)).toEqual([key]);
        expect(new Set(found).size).toBe(4);
        const named = await api.send(admin, 'query ($id: ID!) { course(id: $id) { id } }', { id: key });
        expect(named.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
        const { recountEnrollments } = await send(
          'mutation { recountEnrollments { run { status repaired changes { nodes { courseId after } } } } }',
        );
        expect(recountEnrollments.run).toMatchObject({
          status: 'SUCCEEDED',
          repaired: 1,
          changes: { nodes: [{ courseId: key, after: 0 }] },
        });
        await runNatively(kind, url, [`delete from courses where id = ${literal}`]);
      });

    it('a database with UUIDs is verified and set right by the SQL scripts, which print ids', async () => {
      const [client] = clientsHere(kind);
      await runNatively(kind, url, [
        `update courses set total_enrollments = 9 where id = ${sqlKeyOfForm(kind, ofCourses, 1)}`,
      ]);
      const printed = ofCourses === 'uuid' ? course(1) : keyText(keyOfForm(ofCourses, 1));
      for (const name of ['verify', 'update'] as const) {
        const { code, stdout, stderr } = await pipeTo(client!, url, (await sqlScript(school.database, name))!).ended;
        expect({ name, code, stderr }).toEqual({ name, code: 0, stderr: '' });
        expect(stdout).toMatch(
          new RegExp(`${printed}.*Course 1.*${name === 'verify' ? '9.*6.*MISMATCH' : '6.*6.*OK'}`),
        );
      }
      await expectExact();
    });

    it('the doctor names a row by the key that the API shows', async () => {
      const [key, text] = [
        sqlKeyOfForm(kind, ofCourses, 1),
        (title: string) => `update courses set title = '${title}'`,
      ];
      await runNatively(kind, url, [`${text(' ')} where id = ${key}`]);
      expect((await examineKeptRows(school.database)).map(({ message }) => message)).toContain(
        `courses.title (title) is empty in 1 row, such as ${course(1)}. They stay.`,
      );
      await runNatively(kind, url, [`${text('Course 1')} where id = ${key}`]);
    });

    it('a database with UUIDs is as before after an undo', async () => {
      const plain = await openToAdopt(url);
      try {
        const rows = await rowsOf(plain);
        await undoAdoption(plain);
        expect({ definitions: await definitionsIn(plain, kind), rows }).toEqual(school.before);
      } finally {
        await plain.close(true);
      }
    });
  });

  it('a database with UUIDs is refused by name where keys are bytes, and not 16 of them', async () => {
    const { url, drop } = freshUrl(kind);
    const longer = kind === 'postgresql' || kind === 'sqlite' ? byteTypes[kind] : 'varbinary(20)';
    const short = keyOfText('0a0b0c', 'uuid-binary');
    await runNatively(kind, url, [
      ...uuidSchool(kind, ['number', 'uuid-binary', 'number']).map(sql => sql.replaceAll(byteTypes[kind], longer)),
      `insert into courses (id, title, status, is_published) values (${sqlKey(kind, 'uuid-binary', short)}, 'Optics', 'active', true)`,
    ]);
    const plain = await openToAdopt(url);
    try {
      const theirs = new TheirDatabase(plain);
      const tables = await findTables(plain);
      const { refusals } = await examinedPlan({ theirs, tables, map: await guessedMap(theirs, tables) });
      expect(refusals).toEqual([
        'courses.id has 1 value other than UUIDs in 16 bytes, such as 0a0b0c. Correct these rows, or copy the database with "rollcall import database --ids FILE".',
      ]);
    } finally {
      await plain.close(true);
      await drop();
    }
  });

  it('a database with UUIDs is refused by name where texts are no UUIDs, or are in another spelling, or the map says another form', async () => {
    const { url, drop } = freshUrl(kind);
    await runNatively(kind, url, uuidSchool(kind, ['number', 'uuid-text', 'uuid-text']));
    await runNatively(kind, url, [
      "insert into courses (id, title, status, is_published) values ('geometry-1', 'Geometry', 'active', true), ('5C4A3E0A-7F5B-4D0C-9D0E-6A4B0A1F2E3D', 'Optics', 'active', true)",
    ]);
    const plain = await openToAdopt(url);
    try {
      const theirs = new TheirDatabase(plain);
      const tables = await findTables(plain);
      const guessed = await guessedMap(theirs, tables);
      const refusalsBy = async (map: DatabaseMap): Promise<readonly string[]> =>
        (await examinedPlan({ theirs, tables, map })).refusals;
      const spelled = await refusalsBy(guessed);
      expect(spelled).toHaveLength(1);
      expect(spelled[0]).toMatch(
        /^courses\.id has 2 values other than UUIDs in small letters with hyphens, such as .*"geometry-1.*Correct these rows, or copy the database with "rollcall import database --ids FILE"\.$/,
      );
      expect(spelled[0]).toContain('"5C4A3E0A-7F5B-4D0C-9D0E-6A4B0A1F2E3D');
      const wrong = { ...guessed, courses: { ...guessed.courses, keys: 'number' as const } };
      const byNumbers = await refusalsBy(wrong);
      expect(byNumbers[0]).toMatch(/^courses\.id has the type .*[Ii]n the map: {"courses":{"keys":"uuid-text"}}\./);
      const others = { ...guessed, users: { ...guessed.users, keys: 'uuid' as const } };
      expect(await refusalsBy(others)).toContainEqual(
        expect.stringMatching(
          /^users\.id has the type .*of the form uuid by the map\. In the map: {"users":{"keys":"number"}}\.$/,
        ),
      );
    } finally {
      await plain.close(true);
      await drop();
    }
  });
});

/** Returns a cursor as the API makes them, of a key that it need not have. */
function cursorWith(list: string, field: string, key: unknown): string {
  const content = JSON.stringify([list, field, key, key]);
  return Buffer.from(crc32(content).toString(16).padStart(8, '0') + content).toString('base64url');
}
