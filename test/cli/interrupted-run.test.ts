import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { Role } from '../../src/entities/index.js';
import { issueToken } from '../../src/access/tokens.js';
import { startApi, type Answer } from '../support/api.js';
import { placeToRun, type Place, type Running } from '../support/command-line.js';
import { describeOnEach, describeOnServers } from '../support/databases.js';
import { addFullCourses, breakTotals, write } from '../support/drift.js';
import { mistakesIn } from '../support/mutations.js';
import { changesOfRun, finishRun, polled, mutateRun, readRun, type Sender } from '../support/recounts.js';
import { expectExactCounts } from '../support/rows.js';

const COURSES = 40;
const secret = 'a secret of this test alone, which nobody else knows';

/** A server in a process of its own. */
interface Served {
  readonly command: Running;
  readonly send: Sender;
}

/**
 * A database whose counts all drift, and two servers on it: one in a process of its own, which a test may end, and one
 * in the process of the tests.
 */
interface Stage {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly courses: number[];
  readonly one: Served;
  readonly other: Sender;
}

const leftovers: (() => unknown)[] = [];
afterEach(async () => {
  for (const tidy of leftovers.splice(0).toReversed()) await tidy();
});

async function serve(place: Place, databaseUrl: string, env: Record<string, string>): Promise<Served> {
  const command = place.start(['serve'], {
    DATABASE_URL: databaseUrl,
    NODE_ENV: 'production',
    JWT_SECRET: secret,
    ...env,
  });
  leftovers.push(async () => {
    command.process.kill('SIGKILL');
    await command.ended;
  });
  const port = /http:\/\/[^"\s]+:(\d+)/.exec(await command.says('listening'))![1];
  const token = await issueToken(readConfig({ JWT_SECRET: secret }).jwt, {
    role: Role.ADMIN,
    userId: null,
    expiresIn: '1h',
  });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const send: Sender = async (query, variables = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) };
  };
  return { command, send };
}

async function setStage(kind: DatabaseKind, env: Record<string, string> = {}): Promise<Stage> {
  const api = await startApi(kind);
  leftovers.push(() => api.stop());
  const { database, databaseUrl } = api;
  const courses = await addFullCourses(database, COURSES);
  await breakTotals(database, courses);
  const place = placeToRun();
  leftovers.push(() => place.leave());
  const admin = await api.token(Role.ADMIN, null);
  return {
    database,
    databaseUrl,
    courses,
    one: await serve(place, databaseUrl, env),
    other: (query, variables) => api.send(admin, query, variables),
  };
}

/** Starts a long recount in one server, and returns when it is at its third course. */
async function underWay({ one }: Stage): Promise<string> {
  const { run } = await mutateRun(one.send, 'recountEnrollments', { batchSize: 1, throttle: 150 });
  expect(run.status).toBe('RUNNING');
  await polled(one.send, run.id, ({ checked }) => checked >= 3);
  return run.id;
}

/**
 * Resumes a run through the other server, lets it go on without pauses, and asserts that each course was repaired once
 * in total.
 */
async function expectFinishedElsewhere({ database, courses, other }: Stage, id: string): Promise<void> {
  await write(database, `update core_recount_runs set throttle = 0 where id = ${id}`);
  expect(await finishRun(other, 'resumeRecount', { id })).toMatchObject({
    status: 'SUCCEEDED',
    interrupted: false,
    error: null,
    total: COURSES,
    checked: COURSES,
    drifted: COURSES,
    repaired: COURSES,
  });
  expect(await changesOfRun(other, id)).toEqual(
    courses.map(course => ({
      counter: 'Course.totalEnrollments',
      courseId: String(course),
      course: { id: String(course) },
      before: 9,
      after: 3,
    })),
  );
  await expectExactCounts(database);
}

describeOnEach('a run whose server ends', kind => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await setStage(kind);
  });

  // A process that pauses its own run does nothing that is PostgreSQL's own.
  if (kind !== 'postgresql')
    it('a run whose server ends on SIGTERM is paused after its chunk, and resumed at once through another server', async () => {
      const { one, other } = stage;
      const id = await underWay(stage);
      one.command.process.kill('SIGTERM');
      const { code, stdout } = await one.command.ended;
      expect(code).toBe(0);
      expect(stdout).toContain(`"runs":[${id}]`);
      const paused = await readRun(other, id);
      expect(paused).toMatchObject({ status: 'PAUSED', interrupted: false, error: null, finishedAt: null });
      expect(await changesOfRun(other, id)).toHaveLength(paused.repaired);
      expect([paused.checked, paused.repaired < COURSES]).toEqual([paused.repaired, true]);
      await expectFinishedElsewhere(stage, id);
    });

  it('a run whose server ends by kill -9 is shown as interrupted once its lease has expired, and resumed through another server', async () => {
    const { one, other, database } = stage;
    const id = await underWay(stage);
    one.command.process.kill('SIGKILL');
    await one.command.ended;
    expect(await readRun(other, id)).toMatchObject({ status: 'RUNNING', interrupted: false });
    expect(mistakesIn(await mutateRun(other, 'resumeRecount', { id }))).toEqual(['IN_USE input.id']);
    // Time passes.
    await write(
      database,
      `update core_recount_runs set lease_expires_at = ${kind === 'sqlite' ? '0' : "'2001-01-01'"} where id = ${id}`,
    );
    const interrupted = await readRun(other, id);
    expect(interrupted).toMatchObject({
      status: 'FAILED',
      interrupted: true,
      error: expect.stringContaining(`Resume run ${id} to continue where it stopped.`),
    });
    expect(await changesOfRun(other, id)).toHaveLength(interrupted.repaired);
    await expectFinishedElsewhere(stage, id);
  });
});

describeOnServers('a run whose server is asked to stop while it waits for a lock', kind => {
  it('a run that waits for a lock when its server is asked to stop is paused in time, and resumed at once through another server', async () => {
    const stage = await setStage(kind, { SHUTDOWN_TIMEOUT: '4' });
    const { one, other, databaseUrl, courses } = stage;
    const elsewhere = await openDatabase(databaseUrl);
    leftovers.push(() => elsewhere.close(true));
    const holder = elsewhere.em.fork();
    await holder.begin();
    await holder.execute('select id from core_course where id = ? for update', [courses[1]!]);
    const { run } = await mutateRun(one.send, 'recountEnrollments', {});
    await polled(one.send, run.id, ({ checked }) => checked === 1);
    one.command.process.kill('SIGTERM');
    const { code, stdout } = await one.command.ended;
    expect([code, stdout.includes(`"runs":[${run.id}]`)]).toEqual([0, true]);
    expect(await readRun(other, run.id)).toMatchObject({ status: 'PAUSED', checked: 1 });
    await holder.rollback();
    await expectFinishedElsewhere(stage, run.id);
  });
});
