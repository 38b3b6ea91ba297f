// The server that bench/live-counts.ts measures, in a process of its own: it sends its URL and, on request, the
// resources that it has used.
import { pino } from 'pino';
import { readConfig } from '../dist/config/config.js';
import { openDatabase } from '../dist/database/database.js';
import { startServer } from '../dist/http/server.js';

const [url] = process.argv.slice(2);
const database = await openDatabase(url!);
let statements = 0;
database.config.set('onQuery', (sql: string) => {
  statements += 1;
  return sql;
});
const config = readConfig({
  DATABASE_URL: url!,
  HOST: '127.0.0.1',
  PORT: '0',
  NODE_ENV: 'test',
  MAX_SUBSCRIPTIONS: process.env['MAX_SUBSCRIPTIONS'],
  // All subscribers share one address, and connect within seconds.
  RATE_LIMIT: 'off',
  // The subscribers read on the same processors, so the server is busy while they connect.
  MAX_EVENT_LOOP_DELAY: 'off',
});
const server = await startServer({ config, database, logger: pino({ level: 'silent' }) });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send!({ cpu: (user + system) / 1e6, statements, rss: process.memoryUsage().rss });
});
process.on('disconnect', () => process.exit());
process.send!(server.url);
