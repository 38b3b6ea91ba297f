import { DatabaseSync } from 'node:sqlite';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { createPostgresqlDatabase } from '../../support/postgresql.js';

/** Runs statements as another program does, in one session. */
export async function runNatively(kind: DatabaseKind, url: string, statements: readonly string[]): Promise<void> {
  if (kind === 'sqlite') {
    const database = new DatabaseSync(url.slice('sqlite:'.length), { enableForeignKeyConstraints: false });
    for (const sql of statements) database.exec(sql);
    database.close();
    return;
  }
  const place = new URL(url);
  const name = place.pathname.slice(1);
  if (kind === 'postgresql') {
    await createPostgresqlDatabase(url.slice(0, -name.length - 1), name);
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      for (const sql of statements) await client.query(sql);
    } finally {
      await client.end();
    }
    return;
  }
  const connection = await createConnection({
    host: place.hostname,
    port: Number(place.port),
    user: decodeURIComponent(place.username),
    password: decodeURIComponent(place.password),
    charset: 'utf8mb4',
  });
  try {
    await connection.query(`create database if not exists ${name}`);
    await connection.query(`use ${name}`);
    for (const sql of statements) await connection.query(sql);
  } finally {
    await connection.end();
  }
}
