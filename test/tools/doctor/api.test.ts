import { createServer, type Server } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { operator } from '../../../src/access/viewer.js';
import { Role } from '../../../src/entities/index.js';
import { enroll, unenroll } from '../../../src/use-cases/enrollments.js';
import { examineApi } from '../../../src/tools/doctor/api.js';
import { startApi, type Api } from '../../support/api.js';
import { describeOnFirstThree } from '../../support/databases.js';
import { addCountedCourses, bypassCounters } from '../../support/place-on.js';
import { addUsers } from '../../support/rows.js';
import { freePort } from '../../support/free-port.js';

const LIMIT = 30_000;
const nobodyWaits = (): void => undefined;

describeOnFirstThree('the doctor and the API', kind => {
  let api: Api;
  let base: string;
  let courses: number[];

  beforeEach(async () => {
    api = await startApi(kind);
    base = new URL(api.url).origin;
    ({ courses } = await addCountedCourses(api.database, ['Optics', 'Logic', 'Topology']));
  });
  afterEach(() => api.stop());

  const token = (): Promise<string> => api.token(Role.ADMIN, null);

  it('the doctor finds the API alive and ready, with true counts, at any of its addresses', async () => {
    for (const url of [base, `${base}/`, api.url, `${api.url}/`]) {
      expect(await examineApi({ url, token: await token() }, LIMIT, nobodyWaits)).toEqual([
        { status: 'ok', message: `${base}/healthz answers 200.` },
        { status: 'ok', message: `${base}/readyz answers 200.` },
        {
          status: 'ok',
          message: `${api.url} gives the true counts of 3 courses of the 3 that it shows with the token.`,
        },
      ]);
    }
  });

  it('the doctor without a token examines what everybody sees', async () => {
    await bypassCounters(
      api.database,
      `update core_course set is_published = ${kind === 'sqlite' ? 0 : 'false'} where id = ${courses[0]}`,
    );
    expect((await examineApi({ url: base }, LIMIT, nobodyWaits))[2]!.message).toBe(
      `${api.url} gives the true counts of 2 courses of the 2 that it shows without a token.`,
    );
  });

  it('the doctor finds wrong counts, by how much, and calls that drift', async () => {
    await bypassCounters(
      api.database,
      `update core_course set total_enrollments = 9, active_enrollments = 1 where id = ${courses[1]}`,
    );
    expect((await examineApi({ url: base, token: await token() }, LIMIT, nobodyWaits))[2]).toMatchObject({
      status: 'failed',
      drift: true,
      message: `${api.url} gives counts that are not true (totalEnrollments, activeEnrollments): course ${courses[1]} is off by 6, -1.`,
    });
  });

  it('the doctor does not mistake the changes of writers for drift', async () => {
    const students = await addUsers(api.database, Role.STUDENT, 6);
    let done = false;
    const writers = students.map(async studentId => {
      while (!done) {
        const { value } = await enroll(api.database, operator, { courseId: courses[0]!, studentId });
        await unenroll(api.database, operator, { enrollmentId: value!.enrollment.id });
        // SQLite answers within the tick, and the server must get its turn.
        await setImmediate();
      }
    });
    const bearer = await token();
    const found: string[] = [];
    try {
      for (let round = 0; round < 10; round += 1) {
        const { status, message } = (await examineApi({ url: base, token: bearer }, LIMIT, nobodyWaits))[2]!;
        if (status === 'failed') found.push(message);
      }
    } finally {
      done = true;
      await Promise.all(writers);
    }
    expect(found).toEqual([]);
  });

  it('the doctor says why a wrong token is rejected', async () => {
    expect((await examineApi({ url: base, token: 'nonsense' }, LIMIT, nobodyWaits))[2]).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('The token is not a well-formed JSON Web Token.'),
      advice: expect.stringContaining('DOCTOR_TOKEN'),
    });
  });
});

/** Starts a server that is not Rollcall. */
async function somethingElse(answer: string, status: number): Promise<string> {
  const server: Server = createServer((_, response) => response.writeHead(status).end(answer));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

it('the doctor distinguishes an address where nothing listens from one where another server does', async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const nothing = (await examineApi({ url: `${nobody}/graphql` }, LIMIT, nobodyWaits)).map(
    ({ status, message }) => `${status} ${message}`,
  );
  expect(nothing).toEqual([
    `failed ${nobody}/healthz does not answer: ECONNREFUSED.`,
    `failed ${nobody}/readyz does not answer: ECONNREFUSED.`,
    `failed ${nobody}/graphql gives no counts: ECONNREFUSED.`,
  ]);
  const page = await examineApi({ url: await somethingElse('<h1>Welcome</h1>', 404) }, LIMIT, nobodyWaits);
  expect(page.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
  expect(page[0]!.message).toMatch(/\/healthz answers 404: <h1>Welcome<\/h1>$/);
  expect((await examineApi({ url: await somethingElse('null', 200) }, LIMIT, nobodyWaits))[2]!.message).toMatch(
    /answers without a token: nothing that is GraphQL\.$/,
  );
});

it('the doctor gives up a server that accepts requests and answers none, request by request', async () => {
  const server: Server = createServer(() => undefined);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const silent = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  let asked = 0;
  const found = await examineApi({ url: silent }, 100, () => void (asked += 1));
  expect(found.map(({ status, message }) => `${status} ${message}`)).toEqual([
    `failed ${silent}/healthz does not answer: no answer in time.`,
    `failed ${silent}/readyz does not answer: no answer in time.`,
    `failed ${silent}/graphql gives no counts: no answer in time.`,
  ]);
  expect(asked).toBe(3);
});
