// The server that bench/memory.ts measures, in a process of its own: it sends its URL and an admin's token, and its memory
// after a forced collection whenever it is asked.
import { pino } from 'pino';
import { issueToken } from '../dist/access/tokens.js';
import { readConfig } from '../dist/config/config.js';
import { openDatabase } from '../dist/database/database.js';
import { Role } from '../dist/entities/index.js';
import { startServer } from '../dist/http/server.js';

/** The memory of the server, in bytes. */
export interface Memory {
  readonly rss: number;
  readonly heap: number;
}

const [url] = process.argv.slice(2);
const database = await openDatabase(url!);
// Rate limits are not measured here.
const config = readConfig({
  DATABASE_URL: url!,
  HOST: '127.0.0.1',
  PORT: '0',
  NODE_ENV: 'production',
  JWT_SECRET: 'the secret of a benchmark, which signs nothing else',
  RATE_LIMIT: 'off',
});
const server = await startServer({ config, database, logger: pino({ level: 'silent' }) });
process.on('message', () => {
  // The second collection frees what finalizers of the first one let go.
  globalThis.gc!();
  globalThis.gc!();
  const { rss, heapUsed } = process.memoryUsage();
  process.send!({ rss, heap: heapUsed } satisfies Memory);
});
process.on('disconnect', () => process.exit());
process.send!({
  url: server.url,
  token: await issueToken(config.jwt, { role: Role.ADMIN, userId: null, expiresIn: '12h' }),
});
