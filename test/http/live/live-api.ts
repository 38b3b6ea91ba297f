import { pino, type Logger } from 'pino';
import { readConfig } from '../../../src/config/config.js';
import { openDatabase, type Database } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { Role } from '../../../src/entities/index.js';
import { startServer, type RunningServer } from '../../../src/http/server.js';
import { startApi, type Api } from '../../support/api.js';
import { strategy } from '../../support/databases.js';
import { protocols, subscribeBy, type LiveClient, type LiveOptions } from '../../support/live-clients.js';
import { steppedClock, type SteppedClock } from '../../support/stepped-clock.js';

/** A server that looks at its live counts when the test says so, with its listening clients. */
export interface LiveApi {
  readonly api: Api;
  readonly clock: SteppedClock;
  readonly admin: string;
  readonly subscribe: (protocol: (typeof protocols)[number], options?: LiveOptions) => LiveClient;
  /** Subscribes by each protocol. */
  readonly subscribeByEach: (options?: LiveOptions) => LiveClient[];
  /** Starts another server on the same database (or where `url` says), with connections of its own. */
  readonly another: (options?: {
    clock?: SteppedClock;
    url?: string;
    logger?: Logger;
  }) => Promise<{ server: RunningServer; database: Database }>;
  readonly stop: () => Promise<void>;
}

/** Returns the next counts that each client receives. */
export function nextCounts(clients: readonly LiveClient[]): Promise<(number | null)[][]> {
  return Promise.all(clients.map(client => client.counts()));
}

/** Starts a server whose clock the test sets. */
export async function startLiveApi(kind: DatabaseKind): Promise<LiveApi> {
  const clock = steppedClock();
  const api = await startApi(kind, { clock });
  const leftovers: (() => unknown)[] = [];
  const subscribe: LiveApi['subscribe'] = (protocol, options) => {
    const client = subscribeBy(protocol, api.url, options);
    leftovers.push(() => client.close());
    return client;
  };
  return {
    api,
    clock,
    admin: await api.token(Role.ADMIN, null),
    subscribe,
    subscribeByEach: options => protocols.map(protocol => subscribe(protocol, options)),
    async another({ clock: own = steppedClock(), url = api.databaseUrl, logger = pino({ level: 'silent' }) } = {}) {
      const database = await openDatabase(url, strategy);
      const config = readConfig({ DATABASE_URL: url, PORT: '0', HOST: '127.0.0.1', NODE_ENV: 'test' });
      const server = await startServer({ config, database, clock: own, logger });
      leftovers.push(async () => {
        await server.close();
        await database.close(true);
      });
      return { server, database };
    },
    async stop() {
      for (const tidy of leftovers.splice(0).toReversed()) await tidy();
      await api.stop();
    },
  };
}
