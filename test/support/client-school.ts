import { Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from './api.js';
import { growthOf, scrape } from './metrics.js';

/** A server with five courses and seven students, all of them in the first course; ids are those of the API. */
export interface ClientSchool {
  readonly api: Api;
  readonly courses: readonly string[];
  readonly students: readonly string[];
  /** The ids of the seven enrollments, which are not those of their students. */
  readonly enrollments: readonly string[];
  readonly admin: string;
  /** Adds a student who is in no course and returns the token. */
  readonly newStudent: () => Promise<string>;
  /** Returns how many GraphQL requests some work made, by root field. */
  readonly requests: (work: () => Promise<unknown>) => Promise<Record<string, number>>;
}

/** Starts such a server, on SQLite, because what a client sees does not depend on the database. */
export async function startClientSchool(): Promise<ClientSchool> {
  const api = await startApi('sqlite');
  const courses: number[] = [];
  for (let course = 1; course <= 5; course += 1)
    courses.push(await addCourse(api.database, { title: `Course ${course}` }));
  const students: number[] = [];
  for (let student = 1; student <= 7; student += 1)
    students.push(await addUser(api.database, Role.STUDENT, `Student ${student}`));
  const enrollments: number[] = [];
  for (const student of students.toReversed())
    enrollments.push(await addEnrollment(api.database, courses[0]!, student));
  return {
    api,
    courses: courses.map(String),
    students: students.map(String),
    enrollments: enrollments.map(String),
    admin: await api.token(Role.ADMIN, null),
    newStudent: async () => api.token(Role.STUDENT, await addUser(api.database, Role.STUDENT)),
    async requests(work) {
      const before = await scrape(api.metricsUrl);
      await work();
      const counts: Record<string, number> = {};
      for (const [series, by] of Object.entries(growthOf(before, await scrape(api.metricsUrl)))) {
        const field = /^rollcall_graphql_requests_total\{operation="(\w+)"/.exec(series)?.[1];
        if (field) counts[field] = (counts[field] ?? 0) + by;
      }
      return counts;
    },
  };
}
