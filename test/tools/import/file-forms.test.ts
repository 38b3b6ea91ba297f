import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { expect, it } from 'vitest';
import { tableBlocks, type TableOptions } from '../../../src/tools/import/table.js';
import { withGuard } from '../../../src/tools/formula-guard.js';
import { textSource } from '../../support/text-source.js';

/** Reads a table of `course`, `student` and `note`; a bad row is its code. */
async function read(
  text: string | Buffer,
  options: Partial<TableOptions> = {},
  chunk?: number,
): Promise<{ rows: unknown[][]; notes: string[] }> {
  const found: [number, unknown][] = [];
  const notes: string[] = [];
  const all = { ignored: [], onNote: (note: string) => notes.push(note), ...options };
  for await (const { rows, bad } of tableBlocks(textSource(text, chunk), ['course', 'student', 'note?'], all)) {
    found.push(
      ...rows.map(({ line, values }) => [line, Object.values(values)] as [number, unknown]),
      ...bad.map(({ line, code }) => [line, code] as [number, unknown]),
    );
  }
  return { rows: found.toSorted(([a], [b]) => a - b), notes };
}

const table = 'course,student,note\nZürich,1,é\n"a,b",2,\n';
const rows = [
  [2, ['Zürich', '1', 'é']],
  [3, ['a,b', '2', '']],
];

it.each(['utf8', 'utf16le', 'utf16be', 'utf-32le', 'utf-32be'])(
  'a file in %s with a byte order mark is recognized, however its bytes arrive',
  async encoding => {
    const bytes = iconv.encode(table, encoding, { addBOM: true });
    for (const chunk of [1, 3, 1000]) expect(await read(bytes, {}, chunk)).toEqual({ rows, notes: [] });
  },
);

it.each(['utf16le', 'utf16be'])('a file in %s without a byte order mark is recognized', async encoding => {
  expect(await read(iconv.encode(table, encoding, { addBOM: false }))).toEqual({ rows, notes: [] });
});

it('a file in Windows-1252 is recognized at its first line beyond ASCII, which a note names', async () => {
  expect(await read(iconv.encode(`course,student,note\n1,1,\n${table.slice(20)}3,3,€\n`, 'windows-1252'))).toEqual({
    rows: [
      [2, ['1', '1', '']],
      [3, ['Zürich', '1', 'é']],
      [4, ['a,b', '2', '']],
      [5, ['3', '3', '€']],
    ],
    notes: [
      'FILE.csv:3: the line is not UTF-8, so the file is read as Windows-1252 (Latin-1); --encoding names another.',
    ],
  });
});

it('a line of UTF-8 in a file of Windows-1252 is a bad row, and so is one with bytes that Windows-1252 leaves free', async () => {
  const bytes = Buffer.concat([
    Buffer.from('course,student,note\n\x81,1,\nZürich,2,\n', 'latin1'),
    Buffer.from('Zürich,3,\n4,4,\n'),
  ]);
  expect((await read(bytes)).rows).toEqual([
    [2, 'ENCODING'],
    [3, ['Zürich', '2', '']],
    [4, 'ENCODING'],
    [5, ['4', '4', '']],
  ]);
});

it('an encoding that is named is used, and what is none of its texts is a bad row', async () => {
  expect(await read(iconv.encode(table, 'cp850'), { form: { encoding: 'cp850' } })).toEqual({ rows, notes: [] });
  expect(await read(iconv.encode(table, 'macintosh'), { form: { encoding: 'macintosh' } })).toEqual({
    rows,
    notes: [],
  });
  expect((await read(iconv.encode(table, 'latin1'), { form: { encoding: 'utf-8' } })).rows[0]).toEqual([2, 'ENCODING']);
  expect(
    (await read(Buffer.from('course,student\n\x81\x00,1\n1,2\n', 'latin1'), { form: { encoding: 'shift_jis' } })).rows,
  ).toEqual([
    [2, 'ENCODING'],
    [3, ['1', '2', '']],
  ]);
});

it.each([
  ['\n', 'LF'],
  ['\r\n', 'CRLF'],
  ['\r', 'CR'],
])('lines end with the first line break of the file: %j', async lineBreak => {
  for (const chunk of [1, 2, 1000])
    expect(await read(table.replaceAll('\n', lineBreak), {}, chunk)).toEqual({ rows, notes: [] });
});

it('another line break outside of quotes is a bad row, and within quotes a part of the value', async () => {
  expect((await read('course,student\n1,2\r3,4\n"a\rb",5\n"c\r\nd",6\r\n')).rows).toEqual([
    [2, 'LINE_BREAK'],
    [3, ['a\rb', '5', '']],
    [4, ['c\r\nd', '6', '']],
  ]);
});

it.each([',', ';', '\t', '|'])('the delimiter is recognized by the first line: %j', async delimiter => {
  const text = stringify(
    [
      ['course', 'student', 'note'],
      ['a,b;c\td|e', '1', ''],
    ],
    { delimiter },
  );
  expect((await read(text)).rows).toEqual([[2, ['a,b;c\td|e', '1', '']]]);
});

it('a line "sep=" names the delimiter, and a delimiter that is given is used whatever the first line has', async () => {
  expect((await read('\uFEFFsep=;\r\ncourse;student\r\na,b;1\r\n')).rows).toEqual([[3, ['a,b', '1', '']]]);
  expect((await read('"sep=^"\ncourse^student\n1^2\n')).rows).toEqual([[3, ['1', '2', '']]]);
  expect((await read('course:student\n1:2\n', { form: { delimiter: ':' } })).rows).toEqual([[2, ['1', '2', '']]]);
});

it('names of columns are known in any way to join words, and by the name that --map gives, alone', async () => {
  const aliases = { course: ['course_id'], student: ['user_name'] };
  expect((await read('Course ID;userName\n1;2\n', { aliases })).rows).toEqual([[2, ['1', '2', '']]]);
  const map = new Map([['student', 'Matrikel-Nr']]);
  expect((await read('course;MATRIKELNR\n1;2\n', { aliases, map })).rows).toEqual([[2, ['1', '2', '']]]);
  await expect(read('course;matrikelnr;student\n1;2;3\n', { aliases, map })).rejects.toThrow(
    /not understood: "student"/,
  );
  await expect(read('course;student\n1;2\n', { aliases, map })).rejects.toThrow(/no column Matrikel-Nr/);
  await expect(read('course;student\n1;2\n', { map: new Map([['note', 'Notiz']]) })).rejects.toThrow(/no column Notiz/);
});

it('a file without names of columns is read by those that are given', async () => {
  expect((await read('1|2\n3|4|5\n', { header: ['student', 'course'] })).rows).toEqual([
    [1, ['2', '1', '']],
    [2, 'COLUMNS'],
  ]);
  await expect(read('1|2\n', { header: ['student', 'kurs'] })).rejects.toThrow(/no column course/);
});

it('a text means what --values says, in any letter case', async () => {
  const values = new Map([
    [
      'note',
      new Map([
        ['yes', 'no'],
        ['', 'empty'],
      ]),
    ],
  ]);
  expect((await read('course,student,note\nyes,1,YES\n1,2,\n', { values })).rows).toEqual([
    [2, ['yes', '1', 'no']],
    [3, ['1', '2', 'empty']],
  ]);
});

it('rows of empty cells are left out', async () => {
  expect((await read('course;student;note\n1;2;\n;;\n;;x\n')).rows).toEqual([
    [2, ['1', '2', '']],
    [4, 'MISSING_VALUE'],
  ]);
});

it('JSON Lines are read, and an object with other names, or that is none, is a bad row', async () => {
  const lines = [
    { course: 'Optics "1"', student: 2, note: null },
    { student: '3', note: "'=x\n", course: true },
    { course: 1, student: 2 },
    { course: 1, student: 2, other: 3 },
    { course: 1, student: 2, note: [] },
    [],
    null,
  ].map(value => JSON.stringify(value));
  expect((await read(`${lines.join('\n')}\n\n{"course":1\n`)).rows).toEqual([
    [1, ['Optics "1"', '2', '']],
    [2, ['true', '3', "'=x\n"]],
    [3, 'JSON'],
    [4, 'JSON'],
    [5, 'JSON'],
    [6, 'JSON'],
    [7, 'JSON'],
    [9, 'JSON'],
  ]);
  await expect(read('{"a":1}\n')).rejects.toThrow(/no column course/);
});

it('an apostrophe that keeps a spreadsheet from running a cell is taken away, unless it is to be kept', async () => {
  const text = "course,student,note\n'=1+1,''-2,'a\n";
  expect((await read(text)).rows).toEqual([[2, ['=1+1', "'-2", "'a"]]]);
  expect((await read(text, { form: { guarded: false } })).rows).toEqual([[2, ["'=1+1", "''-2", "'a"]]]);
});

it('random tables are read as they were written, in each delimiter, line break and encoding', async () => {
  const cell = fc
    .oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.stringMatching(/^[ "',;\t|=\n\rab-]{0,8}$/))
    // U+FFFD stands for what could not be read, and a NUL for no text.
    .filter(text => text.isWellFormed() && !/[\0\uFFFD\uFEFF]/.test(text) && text.split(/\r|\n/).length <= 5);
  const row = fc.tuple(
    cell.map(text => `c${text}`),
    cell.map(text => `${text}s`),
    cell,
  );
  const form = fc.record({
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    lineBreak: fc.constantFrom('\n', '\r\n', '\r'),
    encoding: fc.constantFrom('utf8', 'utf16le', 'utf16be'),
    chunk: fc.constantFrom(1, 7, 1000),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 12 }),
      form,
      async (cells, { delimiter, lineBreak, encoding, chunk }) => {
        const text = stringify([['course', 'student', 'note'], ...cells.map(one => one.map(withGuard))], {
          delimiter,
          record_delimiter: lineBreak,
          quoted_match: /^\s|\s$|[\r\n]/,
        });
        const bytes = iconv.encode(text, encoding, { addBOM: true });
        expect((await read(bytes, {}, chunk)).rows.map(([, values]) => values)).toEqual(cells);
      },
    ),
    { numRuns: 300 },
  );
});
