import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const FILE = 'breaking-changes.json';

const text = z.string().trim().min(1, 'is empty; say it in a sentence');

/**
 * One breaking change of the schema as people are told of it; `type`, `path` and `change` are graphql-inspector's
 * words for it.
 */
const announcedChange = z.strictObject({
  type: text,
  path: text.nullable(),
  change: text,
  announced: z.iso.date(),
  why: text,
  instead: text,
  released: z.iso.date().nullable(),
});

/**
 * One breaking change that clients are told of: since when, why, and what they do instead; released: null, not yet.
 */
export type AnnouncedChange = z.infer<typeof announcedChange>;

/**
 * Reads the breaking changes announced in a folder, oldest first; throws an Error that names each value that cannot be.
 */
export function readAnnounced(folder: URL): AnnouncedChange[] {
  const result = z.array(announcedChange).safeParse(JSON.parse(readFileSync(new URL(FILE, folder), 'utf8')));
  if (result.success) return result.data;
  throw new Error(
    result.error.issues.map(({ path, message }) => `schema/${FILE}, ${path.join('.')}: ${message}`).join('\n'),
  );
}

/** Writes the breaking changes announced, in place of those there. */
export function writeAnnounced(folder: URL, announced: readonly AnnouncedChange[]): void {
  writeFileSync(new URL(FILE, folder), asJson(announced));
}

/** Returns announcements as the file has them. */
export function asJson(announced: readonly AnnouncedChange[]): string {
  return `${JSON.stringify(announced, null, 2)}\n`;
}
