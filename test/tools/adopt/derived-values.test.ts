import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DerivedValues } from '../../../src/database/adoption/derived-value.js';
import { dialectOf, openDatabase, type Database } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import { dateOf, type StoredMoment } from '../../../src/database/tables.js';
import { UNKNOWN_MOMENT } from '../../../src/map/choices.js';
import { EnrollmentStatus } from '../../../src/entities/index.js';
import type { ChoiceSource, MomentSource, TruthSource, ValueSource } from '../../../src/map/map-form.js';
import { choiceIn, textOf, truthIn, valueIn, type TheirRow } from '../../../src/map/sources.js';
import { momentOf, RejectedValue } from '../../../src/tools/adopt/copy/our-values.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';

/** The columns of a table of another application, by what they have, with their types. */
const columnTypes: Readonly<Record<DatabaseKind, Readonly<Record<string, string>>>> = {
  sqlite: {
    word: 'varchar(40)',
    other: 'text',
    label: 'text',
    flag: 'bool',
    number: 'integer',
    price: 'decimal(8, 2)',
    moment: 'datetime',
    plain: 'datetime',
    day: 'date',
    seconds: 'integer',
    millis: 'integer',
  },
  mysql: {
    word: 'varchar(40) character set latin1',
    other: 'longtext character set utf8mb4',
    label: "enum('Paid', 'ACTIVE', 'on hold') character set utf8mb4",
    flag: 'bit(1)',
    number: 'smallint',
    price: 'decimal(8, 2)',
    moment: 'datetime(6)',
    plain: 'timestamp(6)',
    day: 'date',
    seconds: 'bigint',
    millis: 'bigint unsigned',
  },
  mariadb: {
    word: 'varchar(40) character set latin1',
    other: 'longtext character set utf8mb4',
    label: "enum('Paid', 'ACTIVE', 'on hold') character set utf8mb4",
    flag: 'tinyint(1)',
    number: 'smallint',
    price: 'decimal(8, 2)',
    moment: 'datetime(6)',
    plain: 'timestamp(6)',
    day: 'date',
    seconds: 'bigint',
    millis: 'bigint unsigned',
  },
  postgresql: {
    word: 'varchar(40)',
    other: 'text',
    label: 'label',
    flag: 'boolean',
    number: 'smallint',
    price: 'numeric(8, 2)',
    moment: 'timestamp with time zone',
    plain: 'timestamp(6)',
    day: 'date',
    seconds: 'bigint',
    millis: 'bigint',
  },
};

const words = [
  '',
  ' ',
  'active',
  'Active',
  ' ACTIVE\t',
  'paid',
  'Païd',
  'PAÏD',
  "it's",
  'a\\b',
  '?',
  '1',
  '0',
  'true',
  'x'.repeat(40),
];
const labels = ['Paid', 'ACTIVE', 'on hold'];
const orNull = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: null, freq: 5 });
const rowsOf = fc.array(
  fc.record({
    word: orNull(fc.constantFrom(...words)),
    other: orNull(
      fc.oneof(
        fc.constantFrom(...words, ' Ω ', 'ω', '日本', '\u{1F600} '.repeat(40)),
        fc.string({ maxLength: 12 }).map(text => text.replaceAll('\0', '')),
      ),
    ),
    label: orNull(fc.constantFrom(...labels)),
    flag: orNull(fc.boolean()),
    number: orNull(fc.integer({ min: -3, max: 3 })),
    price: orNull(fc.integer({ min: -300, max: 300 }).map(cents => (cents / 100).toFixed(2))),
    moment: orNull(fc.date({ min: new Date('1000-01-02'), max: new Date('9999-12-30'), noInvalidDate: true })),
    plain: orNull(fc.date({ min: new Date('1980-01-01'), max: new Date('2037-12-30'), noInvalidDate: true })),
    day: orNull(fc.date({ min: new Date('1000-01-02'), max: new Date('9999-12-30'), noInvalidDate: true })),
    seconds: orNull(
      fc.oneof(
        fc.integer({ min: -30_610_224_000, max: 253_402_300_799 }),
        fc.constantFrom(-99_999_999_999, 999_999_999_999),
      ),
    ),
    millis: orNull(fc.oneof(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.constant(999_999_999_999_999))),
    micros: fc.integer({ min: 0, max: 999 }),
  }),
  { minLength: 12, maxLength: 12 },
);
type Row = ReturnType<typeof rowsOf.generate>['value'][number];

const textColumns = ['word', 'other', 'label', 'flag', 'number', 'price'] as const;
const named = fc.constantFrom(...textColumns);
const theirValues = fc.array(
  fc.oneof(fc.constantFrom(...words, 'ΩΩ', 'Ω', 'on hold', 'ON HOLD'), fc.constantFrom(1, 0, -2, 1.25, true, false)),
  { minLength: 1, maxLength: 3 },
);
const choiceOf = <Name extends string>(...names: readonly Name[]) => {
  const name = fc.constantFrom(...names);
  const translated = fc
    .record({
      column: named,
      values: fc.dictionary(name, theirValues, { maxKeys: 4 }),
      otherwise: fc.option(name, { nil: undefined, freq: 3 }),
    })
    .map(({ otherwise, ...rest }) => ({ ...rest, ...(otherwise !== undefined && { otherwise }) }));
  const fixed = fc.record({ value: name });
  return fc.oneof(
    { weight: 3, arbitrary: translated },
    { weight: 1, arbitrary: fixed },
    {
      weight: 2,
      arbitrary: fc.record({
        firstOf: fc.array(fc.oneof({ weight: 3, arbitrary: translated }, fixed), { minLength: 1, maxLength: 3 }),
      }),
    },
  );
};
const template = fc
  .array(
    fc.oneof(
      named.map(name => `{${name}}`),
      fc.constantFrom('', ' ', '-', "'", '@x.y', 'é\\'),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map(parts => ({ template: parts.join('') || '-' }));
const single = fc.oneof(named, template, fc.record({ value: fc.constantFrom('all', 7, true, null, "l'un") }));
const textSource = fc.oneof(single, fc.record({ firstOf: fc.array(single, { minLength: 1, maxLength: 3 }) }));
const momentSource = fc.oneof(
  fc.constantFrom('moment', 'plain', 'day', 'millis'),
  fc.constantFrom({ column: 'seconds', unit: 'seconds' as const }, { column: 'millis', unit: 'milliseconds' as const }),
);

const MAX_LENGTH = 30;

/** A source, the expression of it, and the value that it has in a row of memory. */
type Derived = readonly [source: unknown, type: string, sql: string, expected: (row: TheirRow) => unknown];

describeOnEach('a generated column', kind => {
  let database: Database;
  let theirs: TheirDatabase;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const fresh = freshUrl(kind);
    drop = fresh.drop;
    database = await openDatabase(fresh.url);
    theirs = new TheirDatabase(database);
    await database.schema.ensureDatabase();
    if (kind === 'postgresql') await run(`create type label as enum (${labels.map(one => `'${one}'`).join(', ')})`);
  });
  afterAll(async () => {
    await database.close(true);
    await drop();
  });

  const run = (sql: string, parameters: readonly unknown[] = []): Promise<unknown> =>
    database.em.getConnection().execute(sql, [...parameters], 'run');

  it('a generated column has the value that its source has in memory, for every type of column', async () => {
    const { expressions, derivedType, generated, addsColumnsTogether } = dialectOf(database).adoption;
    const momentType = {
      sqlite: 'datetime',
      mysql: 'datetime(3)',
      mariadb: 'datetime(3)',
      postgresql: 'timestamptz(3)',
    }[kind];
    await fc.assert(
      fc.asyncProperty(
        rowsOf,
        fc.array(choiceOf('ACTIVE', 'COMPLETED', 'DROPPED', 'SUSPENDED'), { minLength: 5, maxLength: 5 }),
        fc.array(fc.oneof(choiceOf('true', 'false'), fc.record({ value: fc.boolean() })), {
          minLength: 3,
          maxLength: 3,
        }),
        fc.array(textSource, { minLength: 5, maxLength: 5 }),
        fc.array(momentSource, { minLength: 4, maxLength: 4 }),
        async (rows, choices, truths, texts, moments) => {
          await run('drop table if exists things');
          await run(
            `create table things (id integer not null primary key, ${Object.entries(columnTypes[kind])
              .map(([name, type]) => `${name} ${type} null`)
              .join(', ')})`,
          );
          for (const [index, row] of rows.entries()) await insert(index, row);
          const values = new DerivedValues(expressions, (await findTables(database)).get('things')!);
          const derived: Derived[] = [
            ...choices.map((source): Derived => [
              source,
              derivedType('text', true),
              values.choice(source, EnrollmentStatus),
              row => choiceInMemory(source, row),
            ]),
            ...truths.map((source): Derived => [
              source,
              kind === 'postgresql' ? 'boolean' : 'smallint',
              values.truth(source),
              row => truthInMemory(source, row),
            ]),
            ...texts.map((source): Derived => [
              source,
              derivedType(`varchar(${MAX_LENGTH})`, false),
              values.text(source, MAX_LENGTH),
              row => textInMemory(source, row),
            ]),
            ...moments.map((source): Derived => [
              source,
              momentType,
              values.moment(source).sql,
              row => momentInMemory(source, row),
            ]),
          ];
          // One statement for all of them where the database has such.
          const columns = derived.map(([, type, sql], index) => ({
            name: `derived${index}`,
            definition: `${type} generated always as (${sql}) ${generated}`,
          }));
          const added = columns.map(({ name, definition }) => `add column ${name} ${definition}`);
          for (const clauses of addsColumnsTogether ? [added.join(', ')] : added)
            await run(`alter table things ${clauses}`);
          const found = await theirs.rows('select * from things order by id');
          expect(found).toHaveLength(rows.length);
          for (const row of found) {
            for (const [index, [source, type, sql, expected]] of derived.entries()) {
              const value =
                type === momentType
                  ? momentIn(row[`derived${index}`])
                  : type === 'boolean' || type === 'smallint'
                    ? truthStored(row[`derived${index}`])
                    : row[`derived${index}`];
              expect({ source, row, sql, value }).toEqual({ source, row, sql, value: expected(row) });
            }
          }
        },
      ),
      { numRuns: kind === 'sqlite' ? 60 : 8 },
    );
  });

  async function insert(id: number, { micros, ...row }: Row): Promise<void> {
    const text = (date: Date | null, digits: number): string | null =>
      date === null
        ? null
        : `${date.toISOString().slice(0, 19).replace('T', ' ')}.${String(date.getUTCMilliseconds()).padStart(3, '0')}${String(micros).padStart(3, '0')}`.slice(
            0,
            digits,
          );
    const values: Record<string, unknown> = {
      ...row,
      moment: text(row.moment, 26),
      plain: text(row.plain, 26),
      day: text(row.day, 10),
    };
    if (kind !== 'postgresql' && row.flag !== null) values['flag'] = row.flag ? 1 : 0;
    if (kind === 'sqlite' && row.plain !== null && micros % 3 === 0) values['plain'] = row.plain.getTime();
    if (kind === 'sqlite' && row.moment !== null && micros % 2 === 0)
      values['moment'] = `${String(values['moment'])}${micros % 4 === 0 ? 'Z' : '-03:30'}`;
    const names = Object.keys(columnTypes[kind]);
    await run(`insert into things (id, ${names.join(', ')}) values (?, ${names.map(() => '?').join(', ')})`, [
      id,
      ...names.map(name => latin(name, values[name])),
    ]);
  }

  /** The column `word` is of latin1 on some databases. */
  const latin = (name: string, value: unknown): unknown =>
    name === 'word' && typeof value === 'string' ? value.replaceAll(/[^\0-\xff]/g, '') : value;
});

function choiceInMemory(source: ChoiceSource, row: TheirRow): string {
  const chosen = choiceIn<keyof typeof EnrollmentStatus>(source, row);
  return 'name' in chosen
    ? EnrollmentStatus[chosen.name]
    : `?${[...(textOf(chosen.unknown) ?? '')].slice(0, 63).join('')}`;
}

function truthInMemory(source: TruthSource, row: TheirRow): boolean | null {
  const truth = truthIn(source, row);
  return typeof truth === 'boolean' ? truth : null;
}

function textInMemory(source: ValueSource, row: TheirRow): string | null {
  const value = valueIn(source, row);
  const text = typeof value === 'string' ? value : textOf(value);
  return text === null ? null : [...text].slice(0, MAX_LENGTH).join('');
}

function momentInMemory(source: MomentSource, row: TheirRow): number {
  const none = UNKNOWN_MOMENT;
  try {
    const moment = momentOf(
      'moment',
      typeof source === 'string' && source === 'millis' ? { column: source, unit: 'milliseconds' } : source,
      row,
      none,
    );
    return moment.getTime();
  } catch (error) {
    if (error instanceof RejectedValue) return none.getTime();
    throw error;
  }
}

function momentIn(value: unknown): number | null {
  return value === null ? null : dateOf(value as StoredMoment).getTime();
}

function truthStored(value: unknown): boolean | null {
  return value === null ? null : Boolean(value);
}
