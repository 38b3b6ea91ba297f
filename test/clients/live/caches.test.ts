import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { createClient } from 'graphql-ws';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { startLiveApi } from '../../http/live/live-api.js';
import { withSubscriptions } from './apollo-link.js';
import { subscriptionsBy } from './urql-exchange.js';

const page = readFileSync(new URL('../../../docs/live-counts.md', import.meta.url), 'utf8');
const list = gql`query Courses { courses { nodes { id totalEnrollments } } }`;
const changes = gql`subscription Counts { courseCountsChanged { courseId course { id totalEnrollments } } }`;
type Courses = { courses: { nodes: { totalEnrollments: number }[] } };

/** Shows a query, reports its counts, and subscribes to them. */
type Show = (url: string, socket: ReturnType<typeof createClient>, tell: (total: number) => void) => unknown;

const byApollo: Show = (url, socket, tell) => {
  const client = new ApolloClient({
    link: withSubscriptions(socket, new HttpLink({ uri: url })),
    cache: new InMemoryCache(),
  });
  client
    .watchQuery<Courses>({ query: list })
    .subscribe(({ data }) => data && tell((data as Courses).courses.nodes[0]!.totalEnrollments));
  client.subscribe({ query: changes }).subscribe({});
};

const byUrql: Show = (url, socket, tell) => {
  const client = new Client({
    url,
    preferGetMethod: false,
    exchanges: [cacheExchange({ keys: { CourseCountsChange: () => null } }), subscriptionsBy(socket), fetchExchange],
  });
  client.query<Courses>(list, {}).subscribe(({ data }) => data && tell(data.courses.nodes[0]!.totalEnrollments));
  client.subscription(changes, {}).subscribe(() => undefined);
};

it.each([
  ['Apollo Client', 'apollo-link', byApollo],
  ['urql', 'urql-exchange', byUrql],
] as const)('a message alone updates the list that %s shows', async (_, file, show) => {
  expect(page).toContain(readFileSync(new URL(`${file}.ts`, import.meta.url), 'utf8').trimEnd());
  const live = await startLiveApi('sqlite');
  const course = await addCourse(live.api.database);
  const socket = createClient({ url: live.api.url.replace(/^http/, 'ws') });
  const followed = new Promise<void>(resolve => socket.on('message', ({ type }) => type === 'next' && resolve()));
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  show(live.api.url, socket, total => [first, second][total]!.resolve());
  await Promise.all([first.promise, followed]);
  await addEnrollment(live.api.database, course, await addUser(live.api.database, Role.STUDENT));
  await live.clock.tick();
  await second.promise;
  await socket.dispose();
  await live.stop();
});
