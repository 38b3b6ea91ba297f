// node_modules/.bin/node bench/bounds.ts DATABASE_URL [FILTER]: measures the cost of a single request for every field
// and argument of the schema, in every role: alone, and with as many aliases as are allowed. Build first (npm run
// build). The database must be empty, or made by this program: it is filled with 20,000 courses and 2,000,000
// enrollments, and the measured mutations CHANGE it. With FILTER, only cases whose names contain it run. Exit code 1: a
// bound does not hold. Processor times of MySQL's and MariaDB's threads are read if the server runs on the same
// machine; otherwise the time of the whole request counts.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { SqliteDriver } from '@mikro-orm/sql';
import { cursorOf } from '../dist/graphql/lists/cursors.js';
import { graphqlSchema } from '../dist/graphql/schema.js';
import type { Database } from '../dist/database/database.js';
import type { Spent } from './bounds-server.ts';
import { openFilled } from './dataset.ts';
import { everyField, type Case } from './every-field.ts';

const COURSES = 20_000;
const ENROLLMENTS = 2_000_000;
/**
 * The bounds: of the event loop in milliseconds, of memory in bytes, and of time in milliseconds, for each request and
 * for each KB of it beyond.
 */
const MAX_BLOCKED_MS = 100;
const MAX_ADDED_BYTES = 150 * 1024 ** 2;
const MAX_MS = 250;
const MAX_MS_PER_KB = 250;
/** The number of tries of a request that seems to break a bound: other processes use time and memory too. */
const TRIES = 3;
/** The cases that are bounded in blocked time alone. */
const APART =
  /^(Mutation\.(verifyEnrollmentCounts|recountEnrollments|resumeRecount|undoRecount)|(VerifyEnrollmentCounts|Recount|ResumeRecount|UndoRecount)\w*Payload|Drift)\b/;
/**
 * What takes as long as it has rows to delete, in one transaction: the one exception from the bound of time, and from
 * that of blocked time by its COMMIT on SQLite.
 */
const BY_ROWS = /^Mutation\.deleteCourse\b/;
/** The cases that are measured last, since they delete the rows of others. */
const LAST = /^Mutation\.delete/;
const ALIASES = [50, 40, 30, 20, 10, 5, 3, 2];
const SIZES = [100, 50, 20, 10, 5, 2, 1];
/** How long a stream of events is read, in milliseconds: its first messages arrive at once. */
const STREAM_MS = 1500;

const [url, filter = ''] = process.argv.slice(2);
if (!url) throw new Error('Give the URL of a database.');
const database = await openFilled(url, { courses: COURSES, enrollments: ENROLLMENTS, skewed: true });
const isSqlite = database.driver instanceof SqliteDriver;
const { course, teacher, student, enrollment } = await largest(database);
const server = fork(new URL('./bounds-server.ts', import.meta.url), [url, String(teacher), String(student)], {
  execArgv: ['--expose-gc'],
  stdio: 'inherit',
});
const [{ url: address, tokens }] = (await once(server, 'message')) as [
  { url: string; tokens: Record<string, string | null> },
];

/** The measurement of one request. */
interface Measured {
  readonly role: string;
  readonly name: string;
  readonly aliases: number;
  readonly ms: number;
  readonly elapsed: number;
  readonly blocked: number;
  readonly added: number;
  readonly kb: number;
  readonly code: string;
}

/** The body of the request. */
type Request = ReturnType<Case['request']>;

const measured: Measured[] = [];
const cases = everyField(graphqlSchema(), given).filter(({ name }) => name.includes(filter));
for (const one of cases.toSorted((a, b) => Number(LAST.test(a.name)) - Number(LAST.test(b.name)))) {
  for (const role of Object.keys(tokens)) {
    const alone = await largestAllowed(one, role);
    if (
      !alone ||
      alone.code === 'FORBIDDEN' ||
      alone.code === 'UNAUTHENTICATED' ||
      one.kind === 'subscription' ||
      LAST.test(one.name)
    )
      continue;
    for (const aliases of ALIASES) {
      if ((await measure(one.name, role, one.request(aliases, alone.size), aliases)).code !== 'QUERY_TOO_COSTLY') break;
    }
  }
}
const issue = tableOfTheIssue();
if (!filter) for (const [name, query, variables] of issue) await measure(name, 'anonymous', { query, variables }, 1);
report();
server.disconnect();
await database.close(true);
process.exitCode = measured.every(isWithin) ? 0 : 1;

/** Measures a case alone, with the largest pages that are allowed. */
async function largestAllowed(one: Case, role: string): Promise<(Measured & { size: number }) | null> {
  for (const size of SIZES) {
    const found = await measure(one.name, role, one.request(1, size), 1, one.kind === 'subscription');
    if (found.code !== 'QUERY_TOO_COSTLY' || one.request(1, size).query === one.request(1, 1).query)
      return { ...found, size };
  }
  return null;
}

async function measure(
  name: string,
  role: string,
  request: Request,
  aliases: number,
  isStream = false,
): Promise<Measured> {
  let best = await sent(name, role, request, aliases, isStream);
  // What is taken away is not there to be taken away again.
  for (let tries = 1; tries < TRIES && !isWithin(best) && !LAST.test(name); tries += 1) {
    const again = await sent(name, role, request, aliases, isStream);
    best = {
      ...again,
      ms: Math.min(best.ms, again.ms),
      blocked: Math.min(best.blocked, again.blocked),
      added: Math.min(best.added, again.added),
    };
  }
  if (!isWithin(best))
    console.log(
      `beyond: ${role} ${name} ×${aliases}: ${Math.round(best.ms)} ms, blocked ${Math.round(best.blocked)} ms, ${Math.round(best.added / 1024 ** 2)} MB, ${best.code}`,
    );
  measured.push(best);
  return best;
}

async function sent(
  name: string,
  role: string,
  request: Request,
  aliases: number,
  isStream: boolean,
): Promise<Measured> {
  const body = JSON.stringify(request);
  const before = await threads(database);
  server.send('begin');
  await once(server, 'message');
  const start = performance.now();
  const response = await fetch(isStream ? `${address}/stream` : address, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: isStream ? 'text/event-stream' : 'application/graphql-response+json',
      ...(tokens[role] !== null && { authorization: `Bearer ${tokens[role]}` }),
    },
    body,
    ...(isStream && { signal: AbortSignal.timeout(STREAM_MS) }),
  }).catch((error: unknown) => error as Error);
  const text = response instanceof Response ? await response.text().catch(() => '') : '';
  const elapsed = performance.now() - start;
  server.send('end');
  const [spent] = (await once(server, 'message')) as [Spent];
  const after = await threads(database);
  const inDatabase = [...after].reduce((sum, [thread, time]) => sum + time - (before.get(thread) ?? time), 0);
  const code = /"code":"(\w+)"/.exec(text)?.[1] ?? (response instanceof Response ? '' : 'NONE');
  // Where the database's threads cannot be seen, the whole time is taken for the database's.
  const ms = isSqlite || after.size > 0 ? spent.cpu + inDatabase : elapsed;
  return {
    role,
    name,
    aliases,
    ms,
    elapsed,
    blocked: spent.blockedCpu,
    added: spent.added,
    kb: Buffer.byteLength(body) / 1024,
    code,
  };
}

function isWithin({ name, ms, blocked, added, kb }: Measured): boolean {
  if (BY_ROWS.test(name)) return added <= MAX_ADDED_BYTES;
  return (
    blocked <= MAX_BLOCKED_MS && added <= MAX_ADDED_BYTES && (APART.test(name) || ms <= MAX_MS + MAX_MS_PER_KB * kb)
  );
}

function report(): void {
  const rounded = ({ role, name, aliases, ms, elapsed, blocked, added, kb, code }: Measured): object => ({
    name: name.length > 70 ? `${name.slice(0, 69)}…` : name,
    role,
    aliases,
    ms: Math.round(ms),
    'blocked ms': Math.round(blocked),
    MB: Math.round(added / 1024 ** 2),
    KB: Number(kb.toFixed(1)),
    'ms/KB': Math.round(ms / kb),
    elapsed: Math.round(elapsed),
    code,
    held: isWithin({ role, name, aliases, ms, elapsed, blocked, added, kb, code }),
  });
  console.log(
    `${measured.length} requests, ${new Set(measured.map(({ name }) => name)).size} fields and arguments; processor time of the server and the database, in ms`,
  );
  for (const [title, by] of [
    ['costliest', ({ ms }: Measured) => ms],
    ['blocked longest', ({ blocked }: Measured) => blocked],
    ['most memory', ({ added }: Measured) => added],
    ['costliest by what is sent', ({ ms, kb }: Measured) => ms / (MAX_MS + MAX_MS_PER_KB * kb)],
  ] as const) {
    console.log(title);
    console.table(
      measured
        .toSorted((a, b) => by(b) - by(a))
        .slice(0, 10)
        .map(rounded),
    );
  }
  if (!filter) console.table(measured.filter(({ name }) => issue.some(([of]) => of === name)).map(rounded));
  const beyond = measured.filter(one => !isWithin(one));
  console.log(beyond.length === 0 ? 'Every bound holds.' : `${beyond.length} requests are beyond a bound:`);
  if (beyond.length > 0) console.table(beyond.map(rounded));
}

/**
 * Returns the processor time of each thread of the database that serves its connections, in milliseconds; none for
 * SQLite, and where they run elsewhere.
 */
async function threads({ em }: Database): Promise<Map<number, number>> {
  if (isSqlite) return new Map();
  const name = new URL(url!).pathname.slice(1);
  const sql = url!.startsWith('mariadb')
    ? 'select tid as thread from information_schema.processlist where db = ? and id <> connection_id()'
    : 'select thread_os_id as thread from performance_schema.threads where processlist_db = ? and processlist_id <> connection_id()';
  const found = await em.fork().execute<{ thread: number }[]>(sql, [name]);
  return new Map(
    found.flatMap(({ thread }) => {
      try {
        return [[thread, Number(readFileSync(`/proc/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6] as const];
      } catch {
        return []; // A connection that has just ended, or a server elsewhere.
      }
    }),
  );
}

/**
 * Returns the rows that are dearest to ask for: the largest course, one of its enrollments and its student, and the
 * teacher of the most.
 */
async function largest({
  em,
}: Database): Promise<{ course: number; teacher: number; student: number; enrollment: number }> {
  const one = async (sql: string): Promise<Record<string, number>> =>
    (await em.fork().execute<Record<string, number>[]>(sql))[0]!;
  const { id: of } = await one('select id from core_course order by total_enrollments desc limit 1');
  const { id: most } = await one(
    'select instructor_id as id from core_course where instructor_id is not null group by instructor_id order by count(*) desc limit 1',
  );
  const { id, student_id: whose } = await one(
    `select id, student_id from core_enrollments where course_id = ${of} order by id desc limit 1`,
  );
  return { course: of!, teacher: most!, student: whose!, enrollment: id! };
}

function given(owner: string, name: string, type: string): unknown {
  if (type === 'Int') return name === 'capacity' ? 1_000_000 : name === 'last' ? 100 : 1000;
  if (type === 'Boolean') return true;
  if (name === 'email') return `bench${performance.now()}@example.org`;
  if (name === 'after' || name === 'before') return cursor(owner);
  if (type !== 'ID') return 'zz';
  if (/student|user/i.test(name) || owner.endsWith('User')) return String(student);
  if (/instructor/i.test(name)) return String(teacher);
  return /enrollment/i.test(name) || owner === 'Query.enrollment' ? String(enrollment) : String(course);
}

/** Returns a cursor of a list in its usual order. */
function cursor(owner: string): string {
  const list = owner === 'Query.courses' ? 'courses' : owner.includes('nrollments') ? 'enrollments' : 'runs';
  return list === 'courses'
    ? cursorOf({ id: 10 }, { list, field: 'ID', column: 'id', descending: false })
    : cursorOf({ id: 1_000_000 }, { list, field: 'ID', column: 'id', descending: false });
}

/** Returns the requests for which this benchmark was written. */
function tableOfTheIssue(): [string, string, Record<string, unknown>][] {
  const unknown = (count: number): Record<string, unknown> => ({
    f: Object.fromEntries(Array.from({ length: count }, (_, index) => [`x${index}`, 1])),
  });
  const filtered = 'query($f:CourseFilter){courses(filter:$f){totalCount}}';
  const counted = 'query($s:[EnrollmentStatus!]){courses(first:100){nodes{';
  const search = (count: number): string =>
    `{${Array.from({ length: count }, (_, index) => `a${index}:courses(filter:{title:{contains:"zz"}}){totalCount}`).join(' ')}}`;
  return [
    ...[2000, 8000, 24_000].map(
      count =>
        [`filter with ${count} unknown fields`, filtered, unknown(count)] as [string, string, Record<string, unknown>],
    ),
    ...[60, 120_000].map(
      count =>
        [
          `${count} wrong values of an enum`,
          `${counted}enrollmentsCount(status:$s){count}}}}`,
          { s: Array.from({ length: count }, () => 'WRONG') },
        ] as [string, string, Record<string, unknown>],
    ),
    [
      '20,000 statuses under 30 aliases under 100 courses',
      `${counted}${Array.from({ length: 30 }, (_, index) => `a${index}:enrollmentsCount(status:$s){count}`).join(' ')}}}}`,
      { s: Array.from({ length: 20_000 }, () => 'ACTIVE') },
    ],
    ['375 searches', search(375), {}],
    ['50 searches', search(50), {}],
  ];
}
