import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Makes a folder of documents for a test, with these files: text as it is, other values as JSON. */
export function trustedFolder(files: Readonly<Record<string, unknown>>): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-trusted-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Returns the SHA-256 of a text, as documents are named by it. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
