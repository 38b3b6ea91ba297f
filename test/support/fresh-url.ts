import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { EngineDatabaseKind } from './databases.js';
import { onServer } from './server-connections.js';

/** Returns the URL of an empty database for this caller alone; `drop` removes it. */
export function freshUrl(kind: EngineDatabaseKind): { url: string; drop: () => Promise<void> } {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-sqlite-'));
    return {
      url: `sqlite:${join(folder, 'test.sqlite')}`,
      drop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
    };
  }
  const name = `${inject('namesBegin')}${randomUUID().replaceAll('-', '')}`;
  return {
    url: `${inject('servers')[kind]!}/${name}`,
    async drop() {
      await onServer(kind, `drop database if exists ${name}${kind === 'postgresql' ? ' with (force)' : ''}`);
    },
  };
}

/**
 * Creates the database of an ORM, which does not exist; on PostgreSQL by copying the files of an empty one or of another,
 * which takes less than half of the time of its usual way. Before PostgreSQL 15 there was no other way.
 */
export async function createDatabase(
  kind: EngineDatabaseKind,
  { config, schema }: Database,
  copied = 'template1',
): Promise<void> {
  if (kind === 'sqlite') {
    await schema.ensureDatabase();
    return;
  }
  const name = config.get('dbName')!;
  if (kind === 'postgresql') {
    hasChoice ??= onServer(kind, `select current_setting('server_version_num')::int >= 150000 as has_choice`).then(
      ([rows]) => rows![0]!['has_choice'] === true,
    );
    await onServer(kind, `create database ${name} template ${copied}${(await hasChoice) ? ' strategy file_copy' : ''}`);
  } else await onServer(kind, `create database ${name}`);
}

/** Whether this run's PostgreSQL can copy the files of a database in a chosen way. */
let hasChoice: Promise<boolean> | undefined;
