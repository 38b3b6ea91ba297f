import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import type { DatabaseMap } from '../../../src/map/map-form.js';
import { checkDatabase } from '../../../src/tools/adopt/check/check-database.js';
import type { CopiedKeys } from '../../../src/tools/adopt/copy/copied-keys.js';
import { copyDatabase, type CopyRemark, type CopyResult } from '../../../src/tools/adopt/copy/copy-database.js';
import { NumberedKeys } from '../../../src/tools/adopt/copy/numbered-keys.js';
import { partsWithTextKeys } from '../../../src/tools/adopt/found/key-kinds.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { guessedMap } from '../../../src/tools/adopt/map/load-map.js';
import { describeOnEach, freshDatabase, freshUrl } from '../../support/databases.js';

/** A form in which an application stores UUIDs: the type of the columns, and the SQL of one. */
interface Form {
  readonly type: string;
  readonly sql: (uuid: string) => string;
}

const digits = (uuid: string): string => uuid.replaceAll('-', '');
const asDjango: Form = { type: 'char(32)', sql: uuid => `'${digits(uuid)}'` };
const asText: Form = { type: 'varchar(36)', sql: uuid => `'${uuid}'` };
const asUuid: Form = { type: 'uuid', sql: uuid => `'${uuid}'` };
const asBinary: Form = { type: 'binary(16)', sql: uuid => `x'${digits(uuid)}'` };
const asBlob: Form = { type: 'blob', sql: uuid => `x'${digits(uuid)}'` };
const asBytea: Form = { type: 'bytea', sql: uuid => `'\\x${digits(uuid)}'` };

const forms: Readonly<Record<DatabaseKind, readonly Form[]>> = {
  sqlite: [asDjango, asText, asBlob],
  mysql: [asDjango, asText, asBinary],
  mariadb: [asDjango, asUuid, asBinary],
  postgresql: [asUuid, asText, asBytea],
};

/** Returns a UUID that has a number in it. */
function uuidOf(number: number): string {
  return `${number.toString(16).padStart(8, 'a')}-0000-4000-8000-00000000000${number % 10}`;
}

/** Returns tables with UUIDs; of those in `numbers` the keys are numbers. */
function tables({ type, sql }: Form, numbers: readonly string[] = []): string[] {
  const [user, course, enrollment] = ['users', 'courses', 'enrollments'].map(part =>
    numbers.includes(part) ? 'integer' : type,
  );
  const key = (keyType: string | undefined, number: number): string =>
    keyType === 'integer' ? String(number) : sql(uuidOf(number));
  return [
    `create table app_user (id ${user} not null primary key, name varchar(50) not null, email varchar(100) null, role varchar(10) null)`,
    `create table app_course (id ${course} not null primary key, title varchar(100) not null, status varchar(20) null, instructor_id ${user} null)`,
    `create table app_enrollment (id ${enrollment} not null primary key, course_id ${course} not null, student_id ${user} not null, status varchar(20) null)`,
    `insert into app_user values (${key(user, 1)}, 'Ann', 'ann@school.example', 'teacher'), (${key(user, 2)}, 'Bob', 'bob@school.example', 'student'), (${key(user, 3)}, 'Cleo', 'bob@school.example', 'student')`,
    `insert into app_course values (${key(course, 4)}, 'Optics', 'active', ${key(user, 1)}), (${key(course, 5)}, 'Waves', 'active', ${key(user, 9)})`,
    `insert into app_enrollment values (${key(enrollment, 6)}, ${key(course, 4)}, ${key(user, 2)}, 'active'), (${key(enrollment, 7)}, ${key(course, 4)}, ${key(user, 3)}, 'dropped'), (${key(enrollment, 8)}, ${key(course, 8)}, ${key(user, 3)}, 'active')`,
  ];
}

describeOnEach('a copy of a database with UUIDs', kind => {
  let source: { url: string; drop: () => Promise<void> };
  let theirs: TheirDatabase;
  let target: Awaited<ReturnType<typeof freshDatabase>>;
  let folder: string;
  let file: string;

  beforeEach(async () => {
    source = freshUrl(kind);
    target = await freshDatabase(kind);
    theirs = new TheirDatabase(await openDatabase(source.url));
    folder = await mkdtemp(join(tmpdir(), 'rollcall-ids-'));
    file = join(folder, 'ids.jsonl');
  });

  afterEach(async () => {
    await theirs.database.close(true);
    await source.drop();
    await target.drop();
    await rm(folder, { recursive: true });
  });

  async function brought(...statements: readonly string[]): Promise<DatabaseMap> {
    for (const statement of statements) await theirs.database.em.getConnection().execute(statement, [], 'run');
    return guessedMap(theirs, await findTables(theirs.database));
  }

  async function copied(map: DatabaseMap): Promise<{ parts: CopyResult['parts']; remarks: string[] }> {
    const remarks: CopyRemark[] = [];
    const texts = partsWithTextKeys(await findTables(theirs.database), map);
    const keys = await NumberedKeys.open(file, target.database, texts);
    try {
      const { parts } = await copyDatabase(theirs, map, target.database, {
        keys,
        onRejected: remark => remarks.push(remark),
        onNote: remark => remarks.push(remark),
      });
      return { parts, remarks: remarks.map(({ table, id, code, message }) => `${table} ${id} ${code}: ${message}`) };
    } finally {
      await keys.close();
    }
  }

  const read = (sql: string): Promise<unknown[]> => target.database.em.fork().execute(sql);

  const ours = async (): Promise<unknown> => [
    await read('select id, name, email from core_user order by id'),
    await read('select id, title, instructor_id, total_enrollments as total from core_course order by id'),
    await read('select id, course_id, student_id from core_enrollments order by id'),
  ];

  it.each(forms[kind])(
    'a copy of a database with UUIDs gives each $type a number, which it keeps in the file',
    async form => {
      const map = await brought(...tables(form));
      const remarks = [
        `app_user ${uuidOf(3)} EMAIL_REPLACED: The email "bob@school.example" belongs to another user; copied with user-${form === asDjango ? digits(uuidOf(3)) : uuidOf(3)}@rollcall.invalid.`,
        `app_course ${uuidOf(5)} UNKNOWN_INSTRUCTOR: The instructor ${uuidOf(9)} is not there; copied without one.`,
        `app_enrollment ${uuidOf(8)} UNKNOWN_COURSE: The course ${uuidOf(8)} is not there.`,
      ];
      const first = await copied(map);
      expect(first.remarks).toEqual(remarks);
      expect(first.parts).toMatchObject({
        users: { rows: 3, added: 3 },
        courses: { rows: 2, added: 2 },
        enrollments: { rows: 3, added: 2, rejected: 1 },
      });
      const before = await ours();
      expect(before).toMatchObject([
        [{ name: 'Ann' }, { name: 'Bob' }, { name: 'Cleo' }],
        [
          { id: 1, title: 'Optics', instructor_id: 1, total: 2 },
          { id: 2, title: 'Waves', instructor_id: null, total: 0 },
        ],
        [
          { id: 1, course_id: 1, student_id: 2 },
          { id: 2, course_id: 1, student_id: 3 },
        ],
      ]);
      const ids = await readFile(file, 'utf8');
      expect(ids.split('\n')[1]).toBe(`{"part":"users","key":"${uuidOf(2)}","id":2}`);

      // A second copy adds what is new only.
      const added = uuidOf(0xfff);
      await brought(`insert into app_user values (${form.sql(added)}, 'Dan', 'dan@school.example', 'student')`);
      const second = await copied(map);
      expect(second.remarks.filter(line => !line.includes('UNKNOWN_COURSE'))).toEqual([]);
      expect(second.parts).toMatchObject({
        users: { rows: 4, added: 1, alreadyThere: 3 },
        courses: { added: 0, alreadyThere: 2 },
        enrollments: { added: 0, alreadyThere: 2, rejected: 1 },
      });
      expect((await ours()) as unknown[]).toMatchObject([[{}, {}, {}, { name: 'Dan', id: 5 }], {}, {}]);
      expect((await readFile(file, 'utf8')).startsWith(ids)).toBe(true);
      const third = await copied(map);
      expect(third.parts).toMatchObject({ users: { added: 0 }, courses: { added: 0 }, enrollments: { added: 0 } });
    },
  );

  it('a copy of a database with UUIDs keeps numbers of tables that have them, beside UUIDs of others, and is foretold by a check', async () => {
    const map = await brought(...tables(forms[kind][0]!, ['users']));
    const found: string[] = [];
    for await (const { check, status, message } of checkDatabase({
      theirs,
      tables: await findTables(theirs.database),
      map,
    }))
      found.push(`${status} ${check}: ${message}`);
    expect(found.filter(line => line.startsWith('failed'))).toEqual([]);
    expect(found).toContainEqual(expect.stringMatching(/^ok ids: These keys are no numbers: app_course\.id \(/));
    expect(found).toContain('ok ids: The other keys can be copied as they are. The highest: app_user 3.');
    expect((await copied(map)).parts).toMatchObject({ users: { added: 3 }, courses: { added: 2 } });
    expect(await ours()).toMatchObject([
      [{ id: 1 }, { id: 2 }, { id: 3 }],
      [{ id: 1, instructor_id: 1 }, { id: 2 }],
      {},
    ]);
    expect(await readFile(file, 'utf8')).not.toContain('users');
  });

  it('a copy of a database with UUIDs writes a number into the file before a row with it, and gives the same numbers again', async () => {
    const map = await brought(...tables(forms[kind][0]!));
    const texts = partsWithTextKeys(await findTables(theirs.database), map);
    const copyBy = (keys: CopiedKeys): Promise<CopyResult> =>
      copyDatabase(theirs, map, target.database, { keys, onRejected: () => undefined, onNote: () => undefined });
    const full = await NumberedKeys.open(file, target.database, texts);
    await full.close();
    await expect(copyBy(full)).rejects.toThrow();
    expect(await read('select id from core_user')).toEqual([]);

    // The file has numbers already, as an interruption leaves it: in another order than that of the keys.
    const given = [3, 1, 2].map((number, index) => ({ part: 'users', key: uuidOf(number), id: 70 + index }));
    await writeFile(file, given.map(line => `${JSON.stringify(line)}\n`).join(''));
    await copied(map);
    expect(await read('select id, name from core_user order by id')).toEqual([
      { id: 70, name: 'Cleo' },
      { id: 71, name: 'Ann' },
      { id: 72, name: 'Bob' },
    ]);
    expect(await read('select instructor_id as i from core_course order by id')).toEqual([{ i: 71 }, { i: null }]);

    const disturbed = await NumberedKeys.open(file, target.database, texts);
    await appendFile(file, '{"part":"users","key":"of another copy","id":99}\n');
    await brought(
      `insert into app_user values (${forms[kind][0]!.sql(uuidOf(0xabc))}, 'Eve', 'eve@school.example', 'student')`,
    );
    await expect(copyBy(disturbed)).rejects.toThrow(`Another process writes ${file} too.`);
    await disturbed.close();
    expect(await read("select id from core_user where name = 'Eve'")).toEqual([]);
  });

  it('a copy of a database with UUIDs rejects a row that has the UUID of another one in another spelling', async () => {
    const map = await brought(...tables({ type: 'varchar(40)', sql: asText.sql }));
    const other = digits(uuidOf(2)).toUpperCase();
    await brought(`insert into app_user values ('${other}', 'Dan', 'dan@school.example', 'student')`);
    const { parts, remarks } = await copied(map);
    expect(parts).toMatchObject({ users: { rows: 4, added: 3, rejected: 1 }, enrollments: { added: 2 } });
    expect(remarks[0]).toBe(`app_user ${uuidOf(2)} DUPLICATE: Another row has the same key, in another spelling.`);
  });

  it('a copy of a database with UUIDs goes on after a line that was not written whole, and refuses a file that cannot be that of the copy', async () => {
    const map = await brought(...tables(forms[kind][0]!));
    await copied(map);
    const whole = await readFile(file, 'utf8');
    await appendFile(file, '{"part":"users","key":"half');
    expect((await copied(map)).parts).toMatchObject({ users: { added: 0 }, enrollments: { added: 0 } });
    expect(await readFile(file, 'utf8')).toBe(whole);
    await writeFile(file, `${whole}${whole.split('\n')[0]}\n`);
    await expect(copied(map)).rejects.toThrow(/^Line \d+ of .* repeats a key or an id of an earlier line/);
    await writeFile(file, 'id,uuid\n');
    await expect(copied(map)).rejects.toThrow('Line 1 of');
    await rm(file);
    await expect(copied(map)).rejects.toThrow(`There is no file ${file}, but the database has rows already.`);
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });
});
