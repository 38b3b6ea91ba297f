// [COUNTERS=triggers] node test/crash/crash.ts KIND ROUNDS: kills the server and the database under load, on PostgreSQL
// also one process of the database, and checks the data afterwards.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openDatabase, type Database } from '../../dist/database/database.js';
import { startPostgresql } from '../support/postgresql.ts';
import { freePort } from '../support/free-port.ts';
import { startServer } from '../support/server.ts';
import { driftSql, enrollmentsSql, Ledger, type Row } from './ledger.ts';
import { startClient, unexpectedErrors } from './load.ts';

const CLIENTS = 16;
const STUDENTS = 40;
const COURSES = 6;

const [kind, rounds] = [
  process.argv[2] as 'sqlite' | 'mysql' | 'mariadb' | 'postgresql',
  Number(process.argv[3] ?? 30),
];
const secret = 'a secret of this script alone, which nobody else knows';
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'rollcall-crash-'));
const server = kind === 'sqlite' ? null : kind === 'postgresql' ? await startPostgresql(true) : await startServer(kind);
const databaseUrl = server ? `${server.url}/crash` : `sqlite:${join(folder, 'crash.sqlite')}`;
const port = await freePort();
const environment: Record<string, string | undefined> = {
  ...process.env,
  DATABASE_URL: databaseUrl,
  PORT: String(port),
  HOST: '127.0.0.1',
  NODE_ENV: 'production',
  JWT_SECRET: secret,
  LOG_LEVEL: 'silent',
  RATE_LIMIT_SIGNED_IN: '999999999/1',
  MAX_EVENT_LOOP_DELAY: 'off',
};
const url = `http://127.0.0.1:${port}/graphql`;

const counts = { server: 0, database: 0, session: 0 };
const ledger = new Ledger();
let child = await startRollcall();
const { students, courses } = await people();
const token = await tokenOf('admin');
let failed = false;

for (let round = 0; round < rounds && !failed; round += 1) {
  const clients = Array.from({ length: CLIENTS }, (_, place) =>
    startClient(
      url,
      token,
      students.filter((_one, index) => index % CLIENTS === place),
      courses,
      ledger,
    ),
  );
  await delay(100 + Math.random() * 900);
  if (kind === 'postgresql' && round % 4 === 3) {
    await killSession();
    counts.session += 1;
    await untilReady();
    await delay(100);
    await Promise.all(clients.map(client => client.stop()));
  } else if (server && round % 2 === 1) {
    await server.kill();
    counts.database += 1;
    await delay(Math.random() * 1500);
    await server.start();
    await untilReady();
    await delay(100);
    await Promise.all(clients.map(client => client.stop()));
  } else {
    child.kill('SIGKILL');
    await once(child, 'exit');
    counts.server += 1;
    await Promise.all(clients.map(client => client.stop()));
    child = await startRollcall();
  }
  failed = !(await holds(round));
}

child.kill('SIGTERM');
const [code] = (await once(child, 'exit')) as [number];
await server?.stop();
rmSync(folder, { recursive: true, force: true });
console.log(
  JSON.stringify({
    kind,
    strategy: environment['COUNTERS'] ?? 'hooks',
    killed: counts,
    acknowledged: ledger.acknowledged,
    refused: ledger.refused,
    unanswered: ledger.unanswered,
    surprises: Object.fromEntries(unexpectedErrors),
    exitCodeAfterSigterm: code,
    failed,
  }),
);
process.exit(failed || code !== 0 ? 1 : 0);

/** Kills a process of PostgreSQL that serves one of the server's connections; PostgreSQL then ends all others. */
async function killSession(): Promise<void> {
  await withDatabase(async database => {
    const sessions = await database.em
      .getConnection()
      .execute<{ pid: number }[]>(
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() order by state = 'active' desc, random()",
      );
    process.kill(sessions[0]!.pid, 'SIGKILL');
  }).catch((error: unknown) => {
    // The own connection has ended too.
    if (!(error instanceof Error)) throw error;
  });
}

async function holds(round: number): Promise<boolean> {
  return withDatabase(async database => {
    const connection = database.em.getConnection();
    const drift = await connection.execute<object[]>(driftSql);
    const contradictions = ledger.contradictions(await connection.execute<Row[]>(enrollmentsSql));
    if (drift.length + contradictions.length === 0) return true;
    console.error(`round ${round}:`, JSON.stringify({ drift, contradictions }, null, 2));
    return false;
  });
}

async function startRollcall(): Promise<ChildProcess> {
  const started = spawn(process.execPath, [main, 'serve'], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  started.once('exit', exitCode => {
    if (exitCode !== null && exitCode !== 0) console.error(`The server ended with ${exitCode}.`);
  });
  await untilReady();
  return started;
}

async function untilReady(): Promise<void> {
  for (;;) {
    try {
      if ((await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await delay(20);
  }
}

async function people(): Promise<{ students: string[]; courses: string[] }> {
  return withDatabase(async database => {
    const connection = database.em.getConnection();
    const now = kind === 'sqlite' ? String(Date.now()) : "'2026-01-01 00:00:00'";
    for (let index = 0; index < CLIENTS * STUDENTS; index += 1) {
      await connection.execute(
        `insert into core_user (name, email, role, created_at, updated_at) values ('Student', 'student-${index}@example.org', 'student', ${now}, ${now})`,
        [],
        'run',
      );
    }
    for (let index = 0; index < COURSES; index += 1) {
      const capacity = index === 0 ? '20' : 'null';
      await connection.execute(
        `insert into core_course (title, status, is_published, capacity, created_at, updated_at) values ('Course', 'active', true, ${capacity}, ${now}, ${now})`,
        [],
        'run',
      );
    }
    const ids = async (table: string): Promise<string[]> =>
      (await connection.execute<{ id: number }[]>(`select id from ${table} order by id`)).map(({ id }) => String(id));
    return { students: await ids('core_user'), courses: await ids('core_course') };
  });
}

async function tokenOf(role: string): Promise<string> {
  const command = spawn(process.execPath, [main, 'token', '--role', role], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const parts: Buffer[] = [];
  command.stdout.on('data', (part: Buffer) => parts.push(part));
  await once(command, 'close');
  return Buffer.concat(parts).toString().trim();
}

async function withDatabase<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
  const database = await openDatabase(databaseUrl);
  try {
    return await work(database);
  } finally {
    await database.close(true);
  }
}
