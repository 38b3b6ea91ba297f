import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { startLiveApi } from '../../http/live/live-api.js';
import { watchByEvents } from './graphql-sse.js';
import { watchBySocket } from './graphql-ws.js';

const page = readFileSync(new URL('../../../docs/live-counts.md', import.meta.url), 'utf8');

it.each([['graphql-ws', watchBySocket], ['graphql-sse', watchByEvents]] as const)('the client of the page for %s shows counts as they change', async (name, watch) => {
  expect(page).toContain(readFileSync(new URL(`${name}.ts`, import.meta.url), 'utf8').trimEnd());
  const live = await startLiveApi('sqlite');
  const [course, student] = [await addCourse(live.api.database, { isPublished: false }), await addUser(live.api.database, Role.STUDENT)];
  const changes: unknown[] = [];
  let arrived = Promise.withResolvers<void>();
  const stop = watch(live.api.url, () => live.admin, [String(course)], change => { changes.push(change); arrived.resolve(); }, arrived.reject);
  await arrived.promise;
  arrived = Promise.withResolvers();
  await addEnrollment(live.api.database, course, student);
  await live.pace.tick();
  await arrived.promise;
  const counts = (count: number) => ({ courseId: String(course), course: { id: String(course), totalEnrollments: count, activeEnrollments: count } });
  expect(changes).toEqual([counts(0), counts(1)]);
  stop();
  await live.stop();
});
