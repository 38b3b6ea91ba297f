import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { fileSource, type Source } from '../../src/tools/import/source.js';
import { writeBackup } from '../../src/tools/backup/write-backup.js';
import { operator } from '../../src/access/viewer.js';

/** Returns the text of a backup made now. */
export async function backupText(database: Database): Promise<string> {
  let text = '';
  await writeBackup(database, operator, piece => Promise.resolve(void (text += piece)));
  return text;
}

/** Returns the lines of a backup made now, as values: the header, the rows, the closing line. */
export async function backupLines(database: Database): Promise<Record<string, unknown>[]> {
  return valuesOf(await backupText(database));
}

/** Returns the lines of a text, as values. */
export function valuesOf(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);
}

/** Returns the text of a backup with these values and a matching closing line. */
export function withClosingLine(values: readonly object[]): string {
  const text = values.map(value => `${JSON.stringify(value)}\n`).join('');
  return `${text}${JSON.stringify({ courses: values.length - 1, sha256: createHash('sha256').update(text).digest('hex') })}\n`;
}

/** Returns a file with a text, for as long as the test runs. */
export async function fileWith(text: string | Uint8Array): Promise<Source> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'counts.jsonl'), text);
  return fileSource(join(folder, 'counts.jsonl'));
}
