import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { readAnnounced, writeAnnounced } from './announced.ts';
import { compareWithReleased } from './compare.ts';

const HEADER =
  '# The schema as released last, kept by "npm run schema:release" for later ones to be compared with; do not edit.';

/**
 * Makes the schema of a folder the released one, and dates the announcements that this releases (`today`: YYYY-MM-DD).
 * Throws what compareWithReleased throws, and has then changed nothing.
 */
export async function releaseSchema(folder: URL, today: string): Promise<void> {
  const releasedFile = new URL('released.graphql', folder);
  const present = readFileSync(new URL('schema.graphql', folder), 'utf8');
  const announced = readAnnounced(folder);
  if (existsSync(releasedFile))
    await compareWithReleased({ released: readFileSync(releasedFile, 'utf8'), present, announced });
  writeAnnounced(
    folder,
    announced.map(one => ({ ...one, released: one.released ?? today })),
  );
  writeFileSync(releasedFile, present.replace(/^#.*/, HEADER));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await releaseSchema(new URL('..', import.meta.url), new Date().toISOString().slice(0, 10));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
