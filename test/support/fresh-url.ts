import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { inject } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { EngineDatabaseKind } from './databases.js';
import { createPostgresqlDatabase, dropPostgresqlDatabase } from './postgresql.js';

/** Returns the URL of an empty database for this caller alone; `drop` removes it. */
export function freshUrl(kind: EngineDatabaseKind): { url: string; drop: () => Promise<void> } {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-sqlite-'));
    return {
      url: `sqlite:${join(folder, 'test.sqlite')}`,
      drop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
    };
  }
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const server = inject('servers')[kind]!;
  return {
    url: `${server}/${name}`,
    drop: () => (kind === 'postgresql' ? dropPostgresqlDatabase : dropDatabase)(server, name),
  };
}

/** Creates the database of an ORM, unless it exists. */
export async function createDatabase(kind: EngineDatabaseKind, { config, schema }: Database): Promise<void> {
  if (kind === 'postgresql') await createPostgresqlDatabase(inject('servers').postgresql!, config.get('dbName'));
  await schema.ensureDatabase();
}

/** Drops a database over a plain connection, because an ORM takes much longer to open. */
async function dropDatabase(server: string, name: string): Promise<void> {
  const { hostname, port, username, password } = new URL(server);
  const connection = await createConnection({
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  });
  await connection.query(`drop database if exists ${name}`);
  await connection.end();
}
