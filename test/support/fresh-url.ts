import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';

/** Gives the URL of a database that is empty and this caller's own; `drop` removes it. */
export function freshUrl(kind: DatabaseKind): { url: string; drop(): Promise<void> } {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-sqlite-'));
    return {
      url: `sqlite:${join(folder, 'test.sqlite')}`,
      drop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
    };
  }
  const url = `${inject('servers')[kind]}/test_${randomUUID().replaceAll('-', '')}`;
  return {
    url,
    async drop() {
      const database = await openDatabase(url);
      await database.schema.dropDatabase();
      await database.close(true);
    },
  };
}
