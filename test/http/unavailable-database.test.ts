import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { startServer, type RunningServer } from '../../src/http/server.js';
import { issueToken } from '../../src/access/tokens.js';
import { startBreakingProxy, type BreakingProxy } from '../support/breaking-proxy.js';
import { describeOnServers, freshDatabase } from '../support/databases.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';
import { beginSocket } from '../support/raw-socket.js';

const MESSAGE = 'The database cannot be reached. Nothing was changed; try again.';

describeOnServers('a database that is away', kind => {
  let proxy: BreakingProxy;
  let log: KeptLog;
  let server: RunningServer;
  let authorization: string;
  const leftovers: (() => unknown)[] = [];

  beforeEach(async () => {
    const direct = await freshDatabase(kind);
    const url = new URL(direct.url);
    proxy = await startBreakingProxy(Number(url.port));
    url.port = String(proxy.port);
    // The time limit of the request must not end before that of the look-up of the user.
    const config = readConfig({
      DATABASE_URL: url.href,
      HOST: '127.0.0.1',
      PORT: '0',
      NODE_ENV: 'test',
      REQUEST_TIMEOUT: '600',
    });
    const database = await openDatabase(url.href);
    log = keptLog();
    server = await startServer({ config, database, logger: log.logger });
    authorization = `Bearer ${await issueToken(config.jwt, { role: Role.STUDENT, userId: 1, expiresIn: '1h' })}`;
    leftovers.push(
      direct.drop,
      () => proxy.close(),
      () => database.close(true),
      () => server.close(),
    );
  });
  afterEach(async () => {
    for (const tidy of leftovers.splice(0).toReversed()) await tidy();
  });

  it.each([
    ['lets nobody connect', () => proxy.close()],
    [
      'ends each connection',
      () => {
        proxy.refuseNew();
        proxy.breakAll();
      },
    ],
    // The longest time of a look-up; once, since that is some seconds.
    ...(kind === 'mysql' ? [['does not answer', () => proxy.freeze()] as const] : []),
  ] as const)(
    'each endpoint answers a user’s token the same since the database %s: as retryable, and not as an internal error',
    async (_, goAway) => {
      await goAway();
      const headers = { authorization, 'content-type': 'application/json' };
      const asked = [
        fetch(server.url, { method: 'POST', headers, body: '{"query":"{ me { id } }"}' }),
        fetch(`${server.url}?query={me{id}}`, { headers }),
        fetch(`${server.url}/stream`, {
          method: 'POST',
          headers: { ...headers, accept: 'text/event-stream' },
          body: '{"query":"subscription { courseCountsChanged { courseId } }"}',
        }),
      ];
      const socket = beginSocket(server.url, { authorization });
      for (const answer of await Promise.all(asked)) {
        expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([
          503,
          '5',
          { errors: [{ message: MESSAGE, extensions: { code: 'DATABASE_UNAVAILABLE' } }] },
        ]);
      }
      const opened = await socket;
      expect([opened.answer, await opened.closed]).toEqual([1013, [1013, MESSAGE]]);
      await log.requests(3);
      // The reason is logged once, not once for each request of a flood, and not as an internal error.
      expect(log.lines().filter(({ level, msg }) => level >= 40 && msg !== 'request')).toMatchObject([
        { level: 40, msg: 'the users that tokens name cannot be looked up' },
      ]);
      expect(log.lines().filter(({ level }) => level >= 50)).toEqual([]);
    },
  );
});
