import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createConnection } from 'mysql2/promise';
import { programOf, startServer, type Server } from '../support/server.ts';

/** The databases that a soak can start by itself. */
export const kinds = ['sqlite', 'mysql', 'mariadb'] as const;
export type Kind = (typeof kinds)[number];

/** A session of a program other than the server. */
interface Session {
  readonly query: <Row = Record<string, unknown>>(sql: string) => Promise<Row[]>;
  readonly end: () => Promise<void>;
}

/** The database of a soak. */
export interface SoakDatabase {
  readonly kind: Kind;
  /** The server's DATABASE_URL. */
  readonly url: string;
  /** The database's own server, if the soak has started it; null: there is none, or it is somebody else's. */
  readonly server: Server | null;
  /** Opens a session with the privileges of the soak: all of them, if it has started the server. */
  readonly session: () => Promise<Session>;
  /** Runs one statement in a session of its own. */
  readonly query: <Row = Record<string, unknown>>(sql: string) => Promise<Row[]>;
  /** Removes what the soak has made. */
  readonly stop: () => Promise<void>;
}

/** The error of a database that a soak cannot use. */
export class UnusableDatabase extends Error {}

/** Starts a database of a kind, or opens the empty one that a URL names. Errors: UnusableDatabase. */
export async function openSoakDatabase(name: string): Promise<SoakDatabase> {
  if (name === 'sqlite') return sqliteFile();
  return name === 'mysql' || name === 'mariadb' ? ownServer(name) : givenDatabase(name);
}

function withQuery(parts: Omit<SoakDatabase, 'query'>): SoakDatabase {
  return {
    ...parts,
    async query(sql) {
      const session = await parts.session();
      try {
        return await session.query(sql);
      } finally {
        await session.end();
      }
    },
  };
}

function sqliteFile(): SoakDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-soak-'));
  const path = join(folder, 'soak.sqlite');
  return withQuery({
    kind: 'sqlite',
    url: `sqlite:${path}`,
    server: null,
    session() {
      const file = new DatabaseSync(path, { timeout: 10_000 });
      return Promise.resolve({
        query: <Row>(sql: string) => {
          const statement = file.prepare(sql);
          return Promise.resolve(
            statement.columns().length > 0 ? (statement.all() as Row[]) : (void statement.run(), []),
          );
        },
        end: () => Promise.resolve(file.close()),
      });
    },
    stop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  });
}

async function ownServer(kind: 'mysql' | 'mariadb'): Promise<SoakDatabase> {
  if (!programOf(kind))
    throw new UnusableDatabase(
      `There is no ${kind === 'mysql' ? 'mysqld' : 'mariadbd'} on PATH to start a ${kind} of the soak's own. Put it there, or give the URL of an empty database.`,
    );
  // The system keeps what a process has written.
  const server = await startServer(kind, ['--innodb-flush-method=nosync']);
  const { port } = server;
  const session = () => serverSession({ host: '127.0.0.1', port, user: 'root' });
  const root = await session();
  // A user with all privileges is not subject to what the server denies others.
  for (const sql of [
    'create database soak',
    "create user teller identified by 'secret'",
    'grant all on soak.* to teller',
    "create user crowd identified by 'secret'",
  ])
    await root.query(sql);
  await root.end();
  return withQuery({
    kind,
    url: `${kind}://teller:secret@127.0.0.1:${port}/soak`,
    server,
    session: () => serverSession({ host: '127.0.0.1', port, user: 'root', database: 'soak' }),
    stop: () => server.stop(),
  });
}

async function serverSession(options: Parameters<typeof createConnection>[0] | string): Promise<Session> {
  const connection = await createConnection(options as never);
  // A broken session, as after the server was killed, fails at the next statement.
  connection.on('error', () => undefined);
  return {
    query: async <Row>(sql: string) => (await connection.query(sql))[0] as Row[],
    end: () => connection.end(),
  };
}

async function givenDatabase(text: string): Promise<SoakDatabase> {
  const kind = /^(mysql|mariadb):\/\/[^/]+\/[^/?]+/.exec(text)?.[1] as 'mysql' | 'mariadb' | undefined;
  if (!kind)
    throw new UnusableDatabase(
      `--database is "${withoutPassword(text)}". Give ${kinds.join(', ')}, or the URL of an empty database, such as mysql://root@127.0.0.1/soak.`,
    );
  const session = () => serverSession(text.replace(/^mariadb:/, 'mysql:'));
  const opened = withQuery({ kind, url: text, server: null, session, stop: () => empty(opened) });
  let tables: { name: string }[];
  try {
    tables = await opened.query<{ name: string }>(
      'select table_name as name from information_schema.tables where table_schema = database()',
    );
  } catch (error) {
    throw new UnusableDatabase(
      `The database ${withoutPassword(text)} cannot be opened: ${(error as Error).message}. Create it, empty, or give ${kinds.join(', ')}.`,
      { cause: error },
    );
  }
  if (tables.length > 0)
    throw new UnusableDatabase(
      `The database ${withoutPassword(text)} has tables (${tables
        .slice(0, 3)
        .map(({ name }) => name)
        .join(', ')}${tables.length > 3 ? ', …' : ''}). Give one that is empty: a soak deletes what it has made.`,
    );
  return opened;
}

/** Removes everything from a database that was empty before. */
async function empty(database: SoakDatabase): Promise<void> {
  const session = await database.session();
  await session.query('set foreign_key_checks = 0');
  for (const { name } of await session.query<{ name: string }>(
    'select table_name as name from information_schema.tables where table_schema = database()',
  ))
    await session.query(`drop table \`${name}\``);
  for (const { name } of await session.query<{ name: string }>(
    'select routine_name as name from information_schema.routines where routine_schema = database()',
  ))
    await session.query(`drop procedure \`${name}\``);
  await session.end();
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//***@');
}
