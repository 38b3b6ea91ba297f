import { expect } from 'vitest';
import { adopt } from '../../src/database/adoption/adopt.js';
import { openDatabase, openToAdopt, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { findTables } from '../../src/database/schema/found-tables.js';
import { Role } from '../../src/entities/index.js';
import type { DatabaseMap } from '../../src/map/map-form.js';
import { TheirDatabase } from '../../src/tools/adopt/found/their-database.js';
import { guessedMap } from '../../src/tools/adopt/map/load-map.js';
import { examinedPlan } from '../../src/tools/adopt/place/refusals.js';
import { runNatively } from '../random/other-databases/native.js';
import { startApi, type Api } from './api.js';
import { definitionsIn } from './catalog.js';
import { freshUrl } from './databases.js';
import { shownOfForm, uuidSchool, type SchoolKeys } from './uuid-school.js';

/** The keys of the schools on each database: those of courses in each form, each form alone, and forms beside others. */
export const keysOn: Readonly<Record<DatabaseKind, readonly SchoolKeys[]>> = {
  sqlite: [
    ['uuid-hex', 'uuid-hex', 'uuid-hex'],
    ['number', 'uuid-text', 'number'],
    ['uuid-binary', 'uuid-binary', 'uuid-binary'],
  ],
  mysql: [
    ['uuid-hex', 'uuid-hex', 'uuid-hex'],
    ['number', 'uuid-text', 'uuid-text'],
    ['uuid-binary', 'uuid-binary', 'uuid-binary'],
    ['uuid-binary', 'uuid-hex', 'number'],
  ],
  mariadb: [
    ['uuid', 'uuid', 'uuid'],
    ['number', 'uuid-hex', 'uuid-text'],
    ['uuid-binary', 'uuid-binary', 'uuid-binary'],
    ['uuid-hex', 'uuid-text', 'uuid'],
  ],
  postgresql: [
    ['uuid', 'uuid', 'uuid'],
    ['uuid-text', 'number', 'uuid-hex'],
    ['uuid-binary', 'uuid-binary', 'uuid-binary'],
    ['number', 'uuid-text', 'uuid'],
    ['uuid', 'uuid-hex', 'number'],
  ],
};

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;

/** What another application's database has before it is adopted: definitions, and rows of its own columns. */
interface Before {
  readonly definitions: string[];
  readonly rows: unknown[];
}

/** A school with keys of some forms, opened in place, and a server on it. */
export class UuidSchool {
  private constructor(
    private readonly keys: SchoolKeys,
    readonly url: string,
    private readonly drop: () => Promise<void>,
    readonly before: Before,
    readonly map: DatabaseMap,
    readonly database: Database,
    readonly api: Api,
  ) {}

  /** Makes a school, and opens it by a guessed map. */
  static async open(kind: DatabaseKind, keys: SchoolKeys): Promise<UuidSchool> {
    const { url, drop } = freshUrl(kind);
    await runNatively(kind, url, uuidSchool(kind, keys));
    const plain = await openToAdopt(url);
    const before = { definitions: await definitionsIn(plain, kind), rows: await rowsOf(plain) };
    const theirs = new TheirDatabase(plain);
    const guessed = await guessedMap(theirs, await findTables(plain));
    // Teachers are in a column of ours where the map names none of theirs.
    const hasOwnTeachers = new Set(keys).size > 1;
    const map = hasOwnTeachers
      ? { ...guessed, courses: { ...guessed.courses, columns: withoutTeacher(guessed) } }
      : guessed;
    const { plan, refusals } = await examinedPlan({ theirs, tables: await findTables(plain), map });
    expect(refusals).toEqual([]);
    await adopt(plain, plan!);
    expect((await examinedPlan({ theirs, tables: await findTables(plain), map })).plan!.additions).toEqual([]);
    await plain.close(true);
    const database = await openDatabase(url, 'hooks', map);
    const api = await startApi(kind, { place: { database, url, drop: () => Promise.resolve() } });
    const school = new UuidSchool(keys, url, drop, before, map, database, api);
    await school.send('mutation { recountEnrollments { run { status } } }');
    if (hasOwnTeachers) await school.#teach();
    return school;
  }

  async #teach(): Promise<void> {
    const [ofUsers, ofCourses] = this.keys;
    const teacher = shownOfForm(ofUsers, 1);
    for (const number of [1, 2]) {
      const { updateCourse } = await this.send(
        `mutation { updateCourse(input: { id: "${shownOfForm(ofCourses, number)}" instructorId: "${teacher}" }) { userErrors { message } course { instructor { id name } } } }`,
      );
      expect(updateCourse).toEqual({ userErrors: [], course: { instructor: { id: teacher, name: 'User 1' } } });
    }
  }

  async close(): Promise<void> {
    await this.api.stop();
    await this.drop();
  }

  /** Sends an operation as an admin, or as a user, which has no errors. */
  async send(query: string, token?: string): Promise<any> {
    const { data, errors = [] } = await this.api.send(token ?? (await this.api.token(Role.ADMIN, null)), query);
    expect({ query, errors }).toEqual({ query, errors: [] });
    // Keys that are bytes have half a character as their mark.
    expect(JSON.stringify(data)).not.toContain(String.raw`\ud800`);
    return data;
  }

  /** Expects that stored, computed, listed and verified counts are equal. */
  async expectExact(): Promise<void> {
    const [, ofCourses] = this.keys;
    const { courses, verifyEnrollmentCounts } = await this.sendAll();
    expect(verifyEnrollmentCounts.drifts).toEqual([]);
    for (const one of courses.nodes)
      expect(one).toMatchObject({
        id: expect.stringMatching(ofCourses === 'number' ? /^\d+$/ : UUID),
        enrollmentsCount: { count: one.totalEnrollments },
        active: { count: one.activeEnrollments },
        enrollments: { totalCount: one.totalEnrollments, nodes: { length: one.totalEnrollments } },
        activeOnes: { totalCount: one.activeEnrollments, nodes: { length: one.activeEnrollments } },
      });
  }

  /** Returns the courses with all counts and lists, and what a verification finds. */
  async sendAll(): Promise<any> {
    const { courses } = await this.send(
      '{ courses(first: 9) { nodes { id totalEnrollments activeEnrollments enrollmentsCount(limit: null) { count } active: enrollmentsCount(status: ACTIVE limit: 9) { count } enrollments(first: 20) { totalCount nodes { id } } activeOnes: enrollments(first: 20 filter: { status: ACTIVE }) { totalCount nodes { id } } } } }',
    );
    return { courses, ...(await this.send('mutation { verifyEnrollmentCounts { drifts { drift course { id } } } }')) };
  }
}

/** Returns the rows of theirs, without what was added to them. */
export async function rowsOf(from: Database): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const [table, columns] of [
    ['users', 'id, name, email, role'],
    ['courses', 'id, title, status, is_published, teacher_id'],
    ['enrollments', 'id, course_id, user_id, status, enrolled_at'],
  ])
    found.push(await from.em.getConnection().execute(`select ${columns} from ${table} order by id`));
  return found;
}

/** Returns the columns of courses in a map without that of the teacher. */
function withoutTeacher({ courses }: DatabaseMap): DatabaseMap['courses']['columns'] {
  const { instructor: _, ...others } = courses.columns;
  return others;
}
