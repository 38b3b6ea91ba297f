import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { startBreakingProxy } from '../../support/breaking-proxy.js';
import { startLiveApi } from '../../http/live/live-api.js';
import { watchByEvents } from './graphql-sse.js';
import { watchBySocket } from './graphql-ws.js';

const page = readFileSync(new URL('../../../docs/live-counts.md', import.meta.url), 'utf8');

const clients = [
  ['graphql-ws', watchBySocket],
  ['graphql-sse', watchByEvents],
] as const;

it.each(clients)('the example client for %s shows counts as they change', async (name, watch) => {
  expect(page).toContain(readFileSync(new URL(`${name}.ts`, import.meta.url), 'utf8').trimEnd());
  const live = await startLiveApi('sqlite');
  const [course, student] = [
    await addCourse(live.api.database, { isPublished: false }),
    await addUser(live.api.database, Role.STUDENT),
  ];
  const changes: unknown[] = [];
  let arrived = Promise.withResolvers<void>();
  const stop = watch(
    live.api.url,
    () => live.admin,
    [String(course)],
    change => {
      changes.push(change);
      arrived.resolve();
    },
    arrived.reject,
  );
  await arrived.promise;
  arrived = Promise.withResolvers();
  await addEnrollment(live.api.database, course, student);
  await live.clock.tick();
  await arrived.promise;
  const counts = (count: number) => ({
    courseId: String(course),
    course: { id: String(course), totalEnrollments: count, activeEnrollments: count },
  });
  expect(changes).toEqual([counts(0), counts(1)]);
  stop();
  await live.stop();
});

it.each(clients)(
  'the example client for %s goes on, with the present state, once a server that was away can be reached again',
  async (_, watch) => {
    // It retries within five seconds: here at once.
    vi.spyOn(Math, 'random').mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    const live = await startLiveApi('sqlite');
    const course = await addCourse(live.api.database);
    const proxy = await startBreakingProxy(Number(new URL(live.api.url).port));
    const totals: unknown[] = [];
    let arrived = Promise.withResolvers<void>();
    const stop = watch(
      `http://127.0.0.1:${proxy.port}/graphql`,
      () => live.admin,
      [String(course)],
      change => {
        totals.push(change.course?.totalEnrollments);
        arrived.resolve();
      },
      error => arrived.reject(error),
    );
    await arrived.promise;
    arrived = Promise.withResolvers();
    await addEnrollment(live.api.database, course, await addUser(live.api.database, Role.STUDENT));
    // The next connection too, so that the first attempt fails.
    proxy.breakAll();
    await arrived.promise;
    expect(totals).toEqual([0, 1]);
    stop();
    await proxy.close();
    await live.stop();
  },
);
