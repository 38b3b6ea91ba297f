import { pino, type Logger } from 'pino';
import { readConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import {
  Course,
  Enrollment,
  User,
  type CourseStatus,
  type EnrollmentStatus,
  type Key,
  type Role,
} from '../../src/entities/index.js';
import type { ArrivalTimes } from '../../src/http/limits/connection-limits.js';
import type { LoadThresholds } from '../../src/http/limits/load-shedding.js';
import type { KnownOperationPace } from '../../src/graphql/documents/known-operations.js';
import { startServer } from '../../src/http/server.js';
import type { Clock } from '../../src/live-counts/index.js';
import { issueToken } from '../../src/access/tokens.js';
import { freshDatabase } from './databases.js';
import { post } from './post.js';
import { numberKey } from './keys.js';

/** The answer to a GraphQL request. */
export interface Answer {
  readonly status: number;
  // Tests read deep into answers whose shape the schema gives; spelling it out again would test nothing.
  readonly data: any;
  readonly errors?: { message: string; path?: (string | number)[]; extensions: { code: string; argument?: string } }[];
}

/** A server of this test's own, on a database of its own. */
export interface Api {
  readonly url: string;
  /** The URL of the server's metrics; null: it serves none. */
  readonly metricsUrl: string | null;
  readonly database: Database;
  readonly databaseUrl: string;
  /** Sends one operation, which `operationName` selects among several; without a token, anonymously. */
  readonly send: (token: string | null, query: string, variables?: object, operationName?: string) => Promise<Answer>;
  /** Returns a token for a role and user. */
  readonly token: (role: Role, userId: Key | null) => Promise<string>;
  /** Returns the SQL statements that the work ran, without those that open and close transactions. */
  readonly statements: (work: () => Promise<unknown>) => Promise<string[]>;
  readonly stop: () => Promise<void>;
}

/**
 * The options of a test's server: variables that override the usual ones, and its logger (by default it logs nowhere).
 */
export interface ApiOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
  /** The clock of its live counts. */
  readonly clock?: Clock;
  /** The server's measure of its load; by default it accepts any amount of work, because tests share a busy machine. */
  readonly thresholds?: LoadThresholds;
  /** Returns once a rejection because of the rate may be sent; by default at once. */
  readonly holdRefusal?: () => Promise<void>;
  /** The maximum wait of a request for the Redis that counts rates, in milliseconds. */
  readonly redisWaitMs?: number;
  /** The longest times that a client may take to send a request. */
  readonly arrival?: ArrivalTimes;
  /** When an operation becomes known, and is answered the short way, by default at once; null: never. */
  readonly knownOperations?: KnownOperationPace | null;
  /** An open database; by default a migrated, empty one. */
  readonly place?: Pick<Awaited<ReturnType<typeof freshDatabase>>, 'database' | 'url' | 'drop'>;
}

/** A pattern for the statement that looks up the users whom tokens name. */
export const USER_CHECK = /^select [`"]id[`"], [`"]role[`"] from [`"]core_user[`"] where [`"]id[`"] in /;
/** The query of the highest and the lowest key of a table. */
const KEY_SPAN = /^select \(select min\(/;

/** Accepts any amount of work. */
export const anyLoad: LoadThresholds = {
  maxEventLoopDelayMs: Infinity,
  maxBacklogMs: Infinity,
  maxHeapBytes: Infinity,
};

/** Rate limits with more points for each client than any test uses. */
export const amplePoints = { RATE_LIMIT: '999999999/1', RATE_LIMIT_SIGNED_IN: '999999999/1' };

/** Starts a server on a random port of the loopback interface, with a migrated, empty database. */
export async function startApi(
  kind: DatabaseKind,
  {
    env = {},
    logger = pino({ level: 'silent' }),
    clock,
    thresholds = anyLoad,
    holdRefusal = () => Promise.resolve(),
    redisWaitMs,
    arrival,
    knownOperations = { usesBefore: 0, mostPerSecond: Infinity },
    place,
  }: ApiOptions = {},
): Promise<Api> {
  const { database, drop, url: databaseUrl } = place ?? (await freshDatabase(kind));
  const config = readConfig({
    DATABASE_URL: databaseUrl,
    PORT: '0',
    HOST: '127.0.0.1',
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    USER_CHECK_SECONDS: '3600',
    ...amplePoints,
    ...env,
  });
  const seen: string[] = [];
  database.config.set('onQuery', sql => {
    // The server sometimes looks up the user of a token, or how long a table is, independently of the request.
    if (!USER_CHECK.test(sql) && !KEY_SPAN.test(sql)) seen.push(sql);
    return sql;
  });
  const server = await startServer({
    config,
    database,
    logger,
    clock,
    thresholds,
    rateTimes: { hold: holdRefusal, redisWaitMs },
    arrival,
    knownOperations,
  }).catch(async (error: unknown) => {
    await drop();
    throw error;
  });
  return {
    url: server.url,
    metricsUrl: server.metricsUrl,
    database,
    databaseUrl,
    async send(token, query, variables = {}, operationName) {
      const { status, body } = await post(
        server.url,
        { query, variables, operationName },
        {
          accept: 'application/graphql-response+json',
          ...(token !== null && { authorization: `Bearer ${token}` }),
        },
      );
      return { status, ...(body as Omit<Answer, 'status'>) };
    },
    token: (role, userId) => issueToken(config.jwt, { role, userId, expiresIn: '1h' }),
    async statements(work) {
      seen.length = 0;
      await work();
      return [...seen];
    },
    async stop() {
      await server.close();
      await drop();
    },
  };
}

let sequence = 0;

/** Adds a user. */
export async function addUser(database: Database, role: Role, name = `User ${++sequence}`): Promise<number> {
  const em = database.em.fork();
  const user = em.create(User, { name, email: `user-${++sequence}@example.org`, role });
  const [id] = await em.insertMany([user]);
  return numberKey(id!);
}

/** Adds a course, by default published and ACTIVE. */
export async function addCourse(
  database: Database,
  course: {
    title?: string;
    instructor?: number;
    status?: CourseStatus;
    isPublished?: boolean;
    capacity?: number | null;
  } = {},
): Promise<number> {
  const em = database.em.fork();
  const { instructor, ...rest } = course;
  const row = em.create(Course, {
    title: `Course ${++sequence}`,
    status: 'active' as CourseStatus,
    isPublished: true,
    ...rest,
    ...(instructor !== undefined && { instructor: em.getReference(User, instructor, { wrapped: true }) }),
  });
  const [id] = await em.insertMany([row]);
  return numberKey(id!);
}

/** Adds an enrollment. */
export async function addEnrollment(
  database: Database,
  course: number,
  student: number,
  status = 'active' as EnrollmentStatus,
): Promise<number> {
  const em = database.em.fork();
  const row = em.create(Enrollment, {
    course: em.getReference(Course, course, { wrapped: true }),
    student: em.getReference(User, student, { wrapped: true }),
    status,
  });
  await em.flush();
  return numberKey(row.id);
}

/** Returns each course's stored counts and those of COUNT(*), for comparison. */
export async function storedAndActual(
  database: Database,
): Promise<{ id: number; stored: number[]; actual: number[] }[]> {
  const rows = await database.em.getConnection().execute<Record<string, number>[]>(
    `select c.id, c.total_enrollments, c.active_enrollments, count(e.id) as total, count(case when e.status = 'active' then 1 end) as active
     from core_course c left join core_enrollments e on e.course_id = c.id group by c.id, c.total_enrollments, c.active_enrollments order by c.id`,
  );
  return rows.map(row => ({
    id: row['id']!,
    stored: [row['total_enrollments']!, row['active_enrollments']!].map(Number),
    actual: [row['total']!, row['active']!].map(Number),
  }));
}
