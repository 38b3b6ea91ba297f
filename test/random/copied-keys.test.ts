import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { findTables } from '../../src/database/schema/found-tables.js';
import { copyDatabase, type CopyRemark } from '../../src/tools/adopt/copy/copy-database.js';
import { NumberedKeys } from '../../src/tools/adopt/copy/numbered-keys.js';
import { partsWithTextKeys } from '../../src/tools/adopt/found/key-kinds.js';
import { TheirDatabase } from '../../src/tools/adopt/found/their-database.js';
import { guessedMap } from '../../src/tools/adopt/map/load-map.js';
import { describeOnEach, freshDatabase, freshUrl } from '../support/databases.js';
import { readRunOptions } from './model-check.js';

/** Keys that differ little, some of which a database or a careless comparison takes for others. */
const keys = [
  'a', 'A', 'á', 'a ', ' a', 'ß', 'ss', '1', '01', '1.0', '1e0', '10', '9', '-', "'", '"', '\\', '%', '_', 'null', '🎓', 'e\u0301', 'é',
  '5c4a3e0a-7f5b-4d0c-9d0e-6a4b0a1f2e3d', '5C4A3E0A-7F5B-4D0C-9D0E-6A4B0A1F2E3D', '5c4a3e0a7f5b4d0c9d0e6a4b0a1f2e3d',
  '00000000-0000-0000-0000-000000000000', '10000000000000000000000000000000', '1e000000000000000000000000000000',
] as const; // prettier-ignore

const types: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: ['varchar(36)', 'text', 'varchar(36) collate nocase', 'blob'],
  mysql: ['varchar(36)', 'varchar(36) collate utf8mb4_bin', 'varbinary(60)'],
  mariadb: ['varchar(36)', 'varchar(36) collate utf8mb4_bin', 'varbinary(60)'],
  postgresql: ['varchar(36)', 'text', 'char(36)', 'bytea'],
};

/** More users than one batch has. */
const MANY = Array.from({ length: 1100 }, (_, index) => `many-${(index * 7919) % 1100}`);

describeOnEach('a copy of random keys', kind => {
  const { operations, seed, timeout } = readRunOptions(kind === 'sqlite' ? 6 : 2);

  it(
    'a copy of random keys adds or rejects each row, keeps each reference, and adds nothing the second time',
    { timeout },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...types[kind]),
          fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 12 }),
          fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 8 }),
          fc.array(fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...keys)), { maxLength: 25 }),
          fc.boolean(),
          (type, users, courses, pairs, hasMany) =>
            isCopied(kind, { type, users: [...users, ...(hasMany ? MANY : [])], courses, pairs }),
        ),
        { numRuns: operations, seed, examples: [[types[kind].at(-1)!, ['a', 'A'], ['ß', 'ss'], [['ß', 'A']], true]] },
      );
    },
  );
});

interface School {
  readonly type: string;
  readonly users: readonly string[];
  readonly courses: readonly string[];
  readonly pairs: readonly (readonly [course: string, student: string])[];
}

async function isCopied(kind: DatabaseKind, { type, users, courses, pairs }: School): Promise<void> {
  const source = freshUrl(kind);
  const target = await freshDatabase(kind);
  const theirs = new TheirDatabase(await openDatabase(source.url));
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-ids-'));
  const run = (sql: string, values: readonly unknown[] = []): Promise<unknown> =>
    theirs.database.em.getConnection().execute(sql, [...values], 'run');
  try {
    await theirs.database.schema.ensureDatabase();
    await run(`create table app_user (id ${type} not null primary key, name varchar(50), email varchar(100))`);
    await run(`create table app_course (id ${type} not null primary key, title varchar(50))`);
    await run(`create table app_enrollment (id integer primary key, course_id ${type}, student_id ${type})`);
    // What the database takes for a key that is there is left out, whatever its reason.
    const ignoring = {
      sqlite: 'insert or ignore',
      mysql: 'insert ignore',
      mariadb: 'insert ignore',
      postgresql: 'insert',
    }[kind];
    const conflict = kind === 'postgresql' ? ' on conflict do nothing' : '';
    const stored = (key: string): unknown => (/^(varbinary|blob|bytea)/.test(type) ? Buffer.from(key) : key);
    const add = async (into: string, rows: readonly (readonly unknown[])[]): Promise<void> => {
      for (let start = 0; start < rows.length; start += 100) {
        const some = rows.slice(start, start + 100);
        const places = some.map(row => `(${row.map(() => '?').join(', ')})`).join(', ');
        await run(`${ignoring} into ${into} values ${places}${conflict}`, some.flat());
      }
    };
    await add('app_user', users.map((key, index) => [stored(key), `User ${index}`, `user${index}@school.example`])); // prettier-ignore
    await add('app_course', courses.map((key, index) => [stored(key), `Course ${index}`])); // prettier-ignore
    await add('app_enrollment', pairs.map(([course, student], index) => [index + 1, stored(course), stored(student)])); // prettier-ignore

    const tables = await findTables(theirs.database);
    const map = await guessedMap(theirs, tables);
    const copied = async (): Promise<{ added: number; remarks: CopyRemark[] }> => {
      const remarks: CopyRemark[] = [];
      const numbered = await NumberedKeys.open(join(folder, 'ids'), target.database, partsWithTextKeys(tables, map));
      const { parts } = await copyDatabase(theirs, map, target.database, {
        keys: numbered,
        onRejected: remark => remarks.push(remark),
        onNote: () => expect.unreachable(),
      });
      await numbered.close();
      for (const { rows, added, alreadyThere, rejected } of Object.values(parts))
        expect({ rows }).toEqual({ rows: added + alreadyThere + rejected });
      return { added: Object.values(parts).reduce((sum, { added }) => sum + added, 0), remarks };
    };
    const first = await copied();
    expect(await read(target.database)).toEqual(await meant(theirs));
    const second = await copied();
    expect(second).toEqual({ added: 0, remarks: first.remarks });
  } finally {
    await theirs.database.close(true);
    await source.drop();
    await target.drop();
    await rm(folder, { recursive: true });
  }
}

/** Returns what was copied, by the names of the rows. */
async function read({ em }: { readonly em: { fork: () => { execute: (sql: string) => Promise<any> } } }) {
  const rows = async (sql: string): Promise<string[]> =>
    ((await em.fork().execute(sql)) as { n: string }[]).map(({ n }) => n).toSorted();
  const pairs = (await em
    .fork()
    .execute(
      'select c.title as c, u.name as u from core_enrollments e join core_course c on c.id = e.course_id join core_user u on u.id = e.student_id',
    )) as { c: string; u: string }[];
  return {
    users: await rows('select name as n from core_user'),
    courses: await rows('select title as n from core_course'),
    pairs: pairs.map(({ c, u }) => `${c}, ${u}`).toSorted(),
  };
}

/** Returns what the rows of theirs mean: the first of those with one key, and of those with one pair. */
async function meant(theirs: TheirDatabase) {
  const named = async (table: string, name: string): Promise<Map<string, string>> => {
    const found = new Map<string, string>();
    for (const row of await theirs.rows(`select id as k, ${name} as n from ${table} order by id`)) {
      const key = identityOf(row['k']);
      if (!found.has(key)) found.set(key, row['n'] as string);
    }
    return found;
  };
  const [users, courses] = [await named('app_user', 'name'), await named('app_course', 'title')];
  const pairs = new Set<string>();
  for (const row of await theirs.rows('select course_id as c, student_id as s from app_enrollment order by id')) {
    const [course, user] = [courses.get(identityOf(row['c'])), users.get(identityOf(row['s']))];
    if (course !== undefined && user !== undefined) pairs.add(`${course}, ${user}`);
  }
  return {
    users: [...users.values()].toSorted(),
    courses: [...courses.values()].toSorted(),
    pairs: [...pairs].toSorted(),
  };
}

/** Returns what two keys have in common that are one: the digits of a UUID, or all of the text. */
function identityOf(value: unknown): string {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString() : (value as string);
  const digits = text.trim().replaceAll('-', '').toLowerCase();
  return typeof value === 'string' && digits.length === 32 ? digits : text;
}
