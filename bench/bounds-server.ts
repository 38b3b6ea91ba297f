// The server that bench/bounds.ts measures, in a process of its own: it sends its URL, a token for each role, and the
// resources that each request has used.
import { pino } from 'pino';
import { readConfig } from '../dist/config/config.js';
import { openDatabase } from '../dist/database/database.js';
import { Role } from '../dist/entities/index.js';
import { startServer } from '../dist/http/server.js';
import { issueToken } from '../dist/access/tokens.js';

/** The resources that a request has used, in milliseconds and bytes. */
export interface Spent {
  /** Processor time of the process, including garbage collection. */
  readonly cpu: number;
  /**
   * The longest time between two turns of the event loop, by the clock and by the thread's processor time, which other
   * processes do not lengthen.
   */
  readonly blocked: number;
  readonly blockedCpu: number;
  /** How much memory was added at most. */
  readonly added: number;
}

const [url, teacher, student] = process.argv.slice(2);
const database = await openDatabase(url!);
// Rate limits are not measured here; a request is measured until it finishes.
const config = readConfig({
  DATABASE_URL: url!,
  HOST: '127.0.0.1',
  PORT: '0',
  NODE_ENV: 'test',
  METRICS: 'off',
  REQUEST_TIMEOUT: '300',
  RATE_LIMIT: 'off',
});
const server = await startServer({ config, database, logger: pino({ level: 'silent' }) });

let blocked = 0;
let blockedCpu = 0;
let highest = 0;
let begun = { cpu: process.cpuUsage(), rss: 0 };
let last = { at: performance.now(), cpu: process.threadCpuUsage() };

/** Reads the clocks in each turn of the event loop, at most a thousand times a second. */
function look(): void {
  const used = process.threadCpuUsage(last.cpu);
  blocked = Math.max(blocked, performance.now() - last.at);
  blockedCpu = Math.max(blockedCpu, (used.user + used.system) / 1000);
  highest = Math.max(highest, process.memoryUsage.rss());
  last = { at: performance.now(), cpu: process.threadCpuUsage() };
}
setInterval(look, 1);

process.on('message', (message: 'begin' | 'end') => {
  if (message === 'begin') {
    globalThis.gc!();
    look();
    [blocked, blockedCpu, highest] = [0, 0, 0];
    begun = { cpu: process.cpuUsage(), rss: process.memoryUsage.rss() };
    process.send!('ready');
    return;
  }
  look();
  const { user, system } = process.cpuUsage(begun.cpu);
  process.send!({
    cpu: (user + system) / 1000,
    blocked,
    blockedCpu,
    added: Math.max(0, highest - begun.rss),
  } satisfies Spent);
});
process.on('disconnect', () => process.exit());
const token = (role: Role, userId: number | null): Promise<string> =>
  issueToken(config.jwt, { role, userId, expiresIn: '12h' });
process.send!({
  url: server.url,
  tokens: {
    anonymous: null,
    student: await token(Role.STUDENT, Number(student)),
    teacher: await token(Role.TEACHER, Number(teacher)),
    admin: await token(Role.ADMIN, null),
  },
});
