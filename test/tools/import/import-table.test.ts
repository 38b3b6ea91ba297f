import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { fileSource } from '../../../src/tools/import/source.js';
import { tableBlocks, type TableOptions } from '../../../src/tools/import/table.js';
import { textSource } from '../../support/text-source.js';

async function read(
  text: string | Buffer,
  chunk?: number,
  ignored: readonly string[] = ['note'],
  options: Partial<TableOptions> = {},
): Promise<unknown[][]> {
  const found: [number, unknown][] = [];
  for await (const { rows, bad } of tableBlocks(textSource(text, chunk), ['course', 'student', 'status?'], {
    ignored,
    aliases: { course: ['course_id'], student: ['user', 'user_id', 'email'] },
    ...options,
  })) {
    found.push(
      ...rows.map(({ line, values }) => [line, Object.values(values)] as [number, unknown]),
      ...bad.map(({ line, code }) => [line, code] as [number, unknown]),
    );
  }
  return found.toSorted(([a], [b]) => a - b);
}

it.each([1, 2, 3, 7, 1000])('a table reads the same however its bytes arrive (in chunks of %i)', async chunk => {
  expect(
    await read(
      '\uFEFFStudent,COURSE,note\r\n1,"Zürich, ""old"""\uFEFF,x\r\n\r\n 2 , Sõna ,\r\n3,"two\nlines",y',
      chunk,
    ),
  ).toEqual([
    [2, 'QUOTING'],
    [4, ['Sõna', '2', '']],
    [5, ['two\nlines', '3', '']],
  ]);
});

it('a table needs no line break at its end, and may contain a header alone', async () => {
  expect(await read('course,student\n1,2')).toEqual([[2, ['1', '2', '']]]);
  expect(await read('course,student\n')).toEqual([]);
});

it('a quote that is not closed invalidates only its own row', async () => {
  const rows = Array.from({ length: 30 }, (_, index) => `${index},x`).join('\n');
  const found = await read(`course,student\n1,"open\n${rows}\n5,6\n`);
  expect(found[0]).toEqual([2, 'QUOTING']);
  expect(found).toHaveLength(32);
  expect(await read('course,student\n1,"x\n2,3')).toEqual([
    [2, 'QUOTING'],
    [3, ['2', '3', '']],
  ]);
});

it('a row that spans two lines is read whole, wherever a block ends', async () => {
  for (const before of [996, 997, 998, 999]) {
    const found = await read(`course,student\n${'1,2\n'.repeat(before)}"a\nb",3\n4,5\n`, 100_000);
    expect(found).toHaveLength(before + 2);
    expect(found.at(-2)).toEqual([before + 2, ['a\nb', '3', '']]);
    expect(found.at(-1)).toEqual([before + 4, ['4', '5', '']]);
  }
});

it('a line without end is a bad row, and takes no memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  /** Returns the bytes of buffers that are still referenced. */
  const held = (): number => {
    // The first collection returns memory in the background, which the second waits for.
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = held();
  let most = 0;
  const source = {
    name: 'FILE.csv',
    bytes: null,
    async *open() {
      yield Buffer.from('course,student\n1,');
      for (let count = 0; count < 200; count++) {
        yield await Promise.resolve(Buffer.alloc(1024 * 1024, 'x'));
        if (count % 40 === 39) most = Math.max(most, held() - before);
      }
      yield Buffer.from('\n3,4\n');
    },
  };
  const found: unknown[] = [];
  for await (const { rows, bad } of tableBlocks(source, ['course', 'student'], { ignored: [] })) {
    found.push(...bad.map(({ line, code }) => [line, code]), ...rows.map(({ line }) => line));
  }
  expect(found).toEqual([[2, 'TOO_LONG'], 3]);
  expect(most).toBeLessThan(10 * 1024 * 1024);
});

it.each([
  ['', /FILE\.csv is empty.*course, student/],
  ['\n\n', /is empty/],
  ['1,2\n3,4\n', /no column course and no column student.*reads "1,2"/],
  [
    'a;b\n1;2\n',
    /no column course and no column student.*reads "a,b"\. If .* --map course=NAME; if the first row is one of values, name its columns by --columns\.$/,
  ],
  [
    'course,student,action\n1,2,UNENROLL\n',
    /columns that are not understood: "action"\. .* add --ignore-column "action"\.$/,
  ],
  [
    'operation,course,student,Role,note\ndel,1,2,teacher,x\n',
    /not understood: "operation", "Role"\. .* add --ignore-column "operation" --ignore-column "Role"\.$/,
  ],
  [Buffer.from('course,stu\0dent\n'), /FILE\.csv:1: The line is not in the encoding/],
  [
    'course,course id,user\n',
    /several columns that mean course: "course", "course id"\. .* --ignore-column "course id"\.$/,
  ],
  ['course;user_id;Email\n', /several columns that mean student: "user_id", "Email"/],
  ['course,"stu\n', /FILE\.csv:1: A quote is not closed/],
  ['course,student,Course\n', /column course twice/],
])('a file without the needed columns is rejected: %j', async (text, message) => {
  await expect(read(text)).rejects.toMatchObject({
    name: 'ImportError',
    code: 'IMPORT_HEADER',
    message: expect.stringMatching(message),
  });
});

it('named columns are left out, in any letter case, and other columns are not', async () => {
  expect(await read('course,student,Action\n1,2,UNENROLL\n', 1000, ['ACTION '])).toEqual([[2, ['1', '2', '']]]);
  await expect(read('course,student,action,role\n1,2,x,y\n', 1000, ['action'])).rejects.toThrow(
    /not understood: "role"/,
  );
});

it('a column without a name is allowed, but must be empty', async () => {
  expect(await read('course,student,\n1,2,\n3,4,del\n')).toEqual([
    [2, ['1', '2', '']],
    [3, 'COLUMNS'],
  ]);
});

it('a line that is not UTF-8, or contains a line break of another kind, invalidates only its own row', async () => {
  const text = Buffer.concat([
    Buffer.from('course,student\nZürich,1\n'),
    Buffer.from('Zürich,2\n', 'latin1'),
    Buffer.from('3,4\r5,6\n7,8\n'),
  ]);
  expect(await read(text)).toEqual([
    [2, ['Zürich', '1', '']],
    [3, 'ENCODING'],
    [4, 'LINE_BREAK'],
    [5, ['7', '8', '']],
  ]);
});

it('a missing file or a folder is rejected', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-import-'));
  await expect(fileSource(join(folder, 'none.csv'))).rejects.toMatchObject({
    code: 'IMPORT_FILE',
    message: expect.stringMatching(/There is no file .*none\.csv/),
  });
  await expect(fileSource(folder)).rejects.toMatchObject({
    code: 'IMPORT_FILE',
    message: expect.stringMatching(/is a folder/),
  });
  writeFileSync(join(folder, 'some.csv'), 'course,student\n');
  expect(await fileSource(join(folder, 'some.csv'))).toMatchObject({ bytes: 15 });
  rmSync(folder, { recursive: true });
});
