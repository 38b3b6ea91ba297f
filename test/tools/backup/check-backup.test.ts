import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operator } from '../../../src/access/viewer.js';
import { checkBackup, restoreCounts } from '../../../src/tools/backup/restore-counts.js';
import { fileSource } from '../../../src/tools/import/source.js';
import { backupText, fileWith, withClosingLine, valuesOf } from '../../support/backup-file.js';
import { freshDatabase } from '../../support/databases.js';
import { addCountedCourses } from '../../support/place-on.js';
import { allRows } from '../../support/rows.js';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let text: string;

beforeAll(async () => {
  opened = await freshDatabase('sqlite');
  await addCountedCourses(opened.database, ['Optics', 'Logic', 'Topology']);
  text = await backupText(opened.database);
});
afterAll(() => opened.drop());

/** Asserts that both checking and restoring reject the text and change nothing. */
async function expectRefused(content: string | Uint8Array, message: RegExp): Promise<void> {
  const before = await allRows(opened.database);
  const source = await fileWith(content);
  await expect(checkBackup(opened.database, operator, source, () => undefined)).rejects.toThrow(message);
  expect(await allRows(opened.database)).toEqual(before);
}

/** Returns the backup with changed values and a matching closing line. */
function changed(change: (values: Record<string, unknown>[]) => object[]): string {
  return withClosingLine(change(valuesOf(text).slice(0, -1)));
}

it('a file that is truncated after any line is rejected', async () => {
  const lines = text.trimEnd().split('\n');
  for (let kept = 1; kept < lines.length; kept += 1)
    await expectRefused(
      `${lines.slice(0, kept).join('\n')}\n`,
      /is not whole: it has \d of 3 courses, and no closing line\. Nothing was written\./,
    );
  await expectRefused('', /is empty\./);
});

it('a file that is truncated within any line is rejected', async () => {
  for (let kept = 1; kept < text.length - 3; kept += 7)
    await expectRefused(text.slice(0, kept), /is not whole|is no backup of counts|is no line of a course/);
});

it('a file in which one digit is another is rejected, wherever it is', async () => {
  for (const { index } of text.matchAll(/\d/g)) {
    const digit = text[index] === '1' ? '2' : '1';
    await expectRefused(
      text.slice(0, index) + digit + text.slice(index + 1),
      /checksum does not fit|comes after course|is not whole|version|not as it was written|is no line of a course/,
    );
  }
});

it('a file whose lines were changed, removed or reordered is rejected, though its checksum fits', async () => {
  await expectRefused(
    changed(([head, a, b, c]) => [head!, b!, a!, c!]),
    /:3: course 1 comes after course 2\./,
  );
  await expectRefused(
    changed(([head, a]) => [head!, a!, a!, a!]),
    /:3: course 1 comes after course 1\./,
  );
  await expectRefused(
    changed(([head, a, b]) => [head!, a!, b!]),
    /is not whole: it has 2 of 3 courses/,
  );
  for (const counts of [[1], [1, 2, 3], [1, -1], [1, 1.5], [1, '2'], [1, null], [1, 2 ** 32]])
    await expectRefused(
      changed(([head, a, b, c]) => [head!, a!, { ...b, counts }, c!]),
      /:3: this is no line of a course/,
    );
  for (const id of [0, -1, 1.5, '2', null])
    await expectRefused(
      changed(([head, a, b, c]) => [head!, a!, { ...b, id }, c!]),
      /:3: this is no line of a course/,
    );
  await expectRefused(`${text}${text}`, /:6: the file goes on after its closing line/);
});

it('a backup of another schema, or in another version of the format, is rejected with the remedy', async () => {
  const head = (patch: object): string => changed(([first, ...rows]) => [{ ...first, ...patch }, ...rows]);
  await expectRefused(
    head({ counters: ['Course.totalEnrollments', 'Course.seats'] }),
    /made under another schema: it has the counters Course\.totalEnrollments, Course\.seats, and those of this version are .* "rollcall recount"/,
  );
  await expectRefused(head({ counters: ['Course.totalEnrollments'] }), /another schema/);
  await expectRefused(head({ version: 2 }), /has version 2 of the format, and this program reads version 1/);
  await expectRefused(head({ at: 'yesterday' }), /:1: the header is not as it was written|is no line of a course/);
  await expectRefused(head({ format: 'other' }), /is no backup of counts/);
});

it('a file that is not a backup is rejected', async () => {
  for (const content of [
    'course,student\n1,2\n',
    '{}\n',
    'null\n',
    '\n',
    Buffer.alloc(300_000, 0xff),
    Buffer.alloc(300_000),
  ])
    await expectRefused(content, /is no backup of counts/);
});

it('a backup of a database with other courses is rejected', async () => {
  await expectRefused(
    changed(([head, ...rows]) => [head!, ...rows.map((row, index) => ({ ...row, id: 500 + index }))]),
    /has none of the 3 courses of .* check DATABASE_URL/,
  );
});

it('a file whose line endings were changed on the way is accepted', async () => {
  for (const content of [text.replaceAll('\n', '\r\n'), `\ufeff${text}`, text.trimEnd()])
    expect(
      (await checkBackup(opened.database, operator, await fileWith(content), () => undefined)).comparison,
    ).toMatchObject({ common: 3, changes: 0 });
});

it('a pipe, which can be read only once, is rejected', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-pipe-'));
  spawnSync('mkfifo', [join(folder, 'pipe')]);
  await expect(restoreCounts(opened.database, operator, await fileSource(join(folder, 'pipe')))).rejects.toThrow(
    /can be read only once.* Save it as a file first/,
  );
  rmSync(folder, { recursive: true });
});
