import { once } from 'node:events';
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { issueToken } from '../../src/access/tokens.js';
import { storedAndActual } from '../support/api.js';
import { startBreakingProxy } from '../support/breaking-proxy.js';
import { placeToRun, type Place, type Running } from '../support/command-line.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { freePort } from '../support/free-port.js';
import { addCourses, addUsers } from '../support/rows.js';
import { holdCourse } from '../support/held-course.js';

const STUDENTS = 48;
const secret = 'a secret of this test alone, which nobody else knows';
/** The settings that give requests in flight all the time that they need, however slow the machine is. */
const patiently = { SHUTDOWN_TIMEOUT: '600', REQUEST_TIMEOUT: '600' };

describeOnEach('a server that is asked to stop', kind => {
  const leftovers: (() => unknown)[] = [];
  let place: Place;
  let database: Database;
  let databaseUrl: string;
  let course: number;
  let students: number[];
  let token: string;
  let release: () => Promise<void>;

  beforeEach(async () => {
    place = placeToRun();
    leftovers.push(() => place.leave());
    const fresh = await freshDatabase(kind);
    ({ database, url: databaseUrl } = fresh);
    leftovers.push(() => fresh.drop());
    [course] = (await addCourses(database, [{}])) as [number];
    students = await addUsers(database, Role.STUDENT, STUDENTS);
    token = await issueToken(readConfig({ JWT_SECRET: secret }).jwt, {
      role: Role.ADMIN,
      userId: null,
      expiresIn: '1h',
    });
  });
  afterEach(async () => {
    for (const tidy of leftovers.splice(0).toReversed()) await tidy();
  });

  async function start(env: Record<string, string> = {}): Promise<{ command: Running; port: number }> {
    // No request may end by its own time limit, however slow the machine is.
    const command = place.start(['serve'], {
      DATABASE_URL: databaseUrl,
      PORT: String(await freePort()),
      NODE_ENV: 'production',
      JWT_SECRET: secret,
      REQUEST_TIMEOUT: '600',
      ...env,
    });
    leftovers.push(async () => {
      command.process.kill('SIGKILL');
      await command.ended;
    });
    return { command, port: Number(/http:\/\/[^"\s]+:(\d+)/.exec(await command.says('listening'))![1]) };
  }

  /** Begins a transaction on another connection that blocks every enroll until `release`. */
  async function hold(): Promise<void> {
    release = await holdCourse(databaseUrl, course);
    leftovers.push(release);
  }

  /** Begins to enroll a student over a kept connection, and returns when the server has the request. */
  async function beginEnroll(
    port: number,
    student: number,
    agent: Agent,
  ): Promise<{ answer: Promise<IncomingMessage> }> {
    const sent = enrollRequest(port, student, agent);
    const answer = once(sent, 'response').then(([response]) => response as IncomingMessage);
    // Handled where it is awaited; the server answers 100 Continue once it has the head of the request.
    answer.catch(() => undefined);
    await once(sent, 'continue');
    sent.end(body(student));
    return { answer };
  }

  function enrollRequest(port: number, student: number, agent: Agent): ClientRequest {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body(student)),
      authorization: `Bearer ${token}`,
      expect: '100-continue',
    };
    const sent = request({ host: '127.0.0.1', port, path: '/graphql', method: 'POST', headers, agent });
    sent.flushHeaders();
    return sent;
  }

  const body = (student: number): string =>
    JSON.stringify({
      query: `mutation { enroll(input: { courseId: ${course}, studentId: ${student} }) { enrollment { student { id } } userErrors { code } } }`,
    });
  const enrolled = async (): Promise<number[]> =>
    (
      await database.em
        .getConnection()
        .execute<{ student_id: number }[]>('select student_id from core_enrollments order by student_id')
    ).map(row => row.student_id);

  /** Sends requests on new connections until none is accepted; returns the answers. */
  async function untilRefused(port: number, student: number): Promise<Set<string>> {
    const told = new Set<string>();
    while (!told.has('ECONNREFUSED')) {
      const sent = enrollRequest(port, student, new Agent());
      const response = once(sent, 'response').then(([{ statusCode }]) => String(statusCode as number));
      told.add(await response.catch((error: NodeJS.ErrnoException) => error.code!));
      sent.destroy();
    }
    return told;
  }

  it('a server that is asked to stop answers the requests in flight in full, rejects new ones, and ends with 0', async () => {
    const { command, port } = await start(patiently);
    await hold();
    const agent = new Agent({ keepAlive: true });
    const [late, ...early] = students as [number, ...number[]];
    const requests = await Promise.all(early.map(student => beginEnroll(port, student, agent)));
    command.process.kill('SIGTERM');
    await command.says('"stopping"');
    const told = await untilRefused(port, late);
    // A connection that waited to be accepted while the server stopped listening is reset.
    expect([...told].filter(one => !['ECONNREFUSED', 'ECONNRESET', '503'].includes(one))).toEqual([]);
    await release();
    const answers = await Promise.all(requests.map(async ({ answer }) => json(await answer)));
    expect(answers).toEqual(
      early.map(student => ({
        data: { enroll: { enrollment: { student: { id: String(student) } }, userErrors: [] } },
      })),
    );
    expect((await command.ended).code).toBe(0);
    expect(await enrolled()).toEqual(early);
    const count = early.length;
    expect(await storedAndActual(database)).toEqual([{ id: course, stored: [count, count], actual: [count, count] }]);
    agent.destroy();
  });

  it('a server that is asked to stop under load keeps every acknowledged change, makes no rejected one, and ends with 0', async () => {
    const { command, port } = await start(patiently);
    const there = new Set<number>();
    let acknowledged = 0;
    const change = async (mutation: string): Promise<string | null> => {
      try {
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
        const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ query: `mutation { it: ${mutation} }` }),
        });
        if (response.status === 503) return null;
        const { it: payload } = (
          (await response.json()) as {
            data: { it: { enrollment?: { id: string }; deletedId?: string; userErrors: object[] } };
          }
        ).data;
        expect(payload.userErrors).toEqual([]);
        if ((acknowledged += 1) === STUDENTS) command.process.kill('SIGTERM');
        return payload.enrollment?.id ?? payload.deletedId!;
      } catch (error) {
        expect(['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET']).toContain(
          (error as { cause?: { code?: string } }).cause?.code,
        );
        return null;
      }
    };
    const client = async (student: number): Promise<void> => {
      for (;;) {
        const id = await change(
          `enroll(input: { courseId: ${course}, studentId: ${student} }) { enrollment { id } userErrors { code } }`,
        );
        if (id === null) return;
        there.add(student);
        if ((await change(`unenroll(input: { enrollmentId: ${id} }) { deletedId userErrors { code } }`)) === null)
          return;
        there.delete(student);
      }
    };
    await Promise.all(students.slice(0, 24).map(client));
    expect((await command.ended).code).toBe(0);
    expect(await enrolled()).toEqual([...there].toSorted((a, b) => a - b));
    expect(await storedAndActual(database)).toEqual([
      { id: course, stored: [there.size, there.size], actual: [there.size, there.size] },
    ]);
  });

  it('a server that is asked to stop ends with 1 when requests do not finish in time, says how many, and leaves nothing of them behind', async () => {
    const { command, port } = await start({ SHUTDOWN_TIMEOUT: '1' });
    await hold();
    const agent = new Agent({ keepAlive: true });
    const requests = await Promise.all(students.slice(0, 3).map(student => beginEnroll(port, student, agent)));
    command.process.kill('SIGTERM');
    const { code, stdout } = await command.ended;
    expect(code).toBe(1);
    expect(stdout).toContain(
      '"requests":3,"seconds":1,"msg":"closing the connections of requests that did not finish in time"',
    );
    for (const { answer } of requests) await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    await release();
    expect(await storedAndActual(database)).toEqual([{ id: course, stored: [0, 0], actual: [0, 0] }]);
    expect(await enrolled()).toEqual([]);
    agent.destroy();
  });

  // SQLite is a file, which is always there.
  if (kind !== 'sqlite') {
    it('a server that is asked to stop without requests in flight ends with 0 even if the database no longer answers', async () => {
      const url = new URL(databaseUrl);
      const proxy = await startBreakingProxy(Number(url.port));
      leftovers.push(() => proxy.close());
      url.port = String(proxy.port);
      const { command } = await start({ DATABASE_URL: url.href });
      proxy.freeze();
      command.process.kill('SIGTERM');
      expect((await command.ended).code).toBe(0);
    });
  }

  // The signal is independent of the database.
  it.each(kind === 'sqlite' ? (['SIGTERM', 'SIGINT'] as const) : (['SIGTERM'] as const))(
    'a server that is asked to stop ends with 1 at a second signal (%s), whatever is in flight',
    async signal => {
      const { command, port } = await start(patiently);
      await hold();
      const agent = new Agent({ keepAlive: true });
      const { answer } = await beginEnroll(port, students[0]!, agent);
      command.process.kill('SIGTERM');
      await command.says('"stopping"');
      command.process.kill(signal);
      expect((await command.ended).code).toBe(1);
      await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
      await release();
      expect(await enrolled()).toEqual([]);
      agent.destroy();
    },
  );
});
