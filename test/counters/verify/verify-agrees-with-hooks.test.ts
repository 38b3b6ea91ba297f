import { Entity, Enum, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import type { Opt, Ref } from '@mikro-orm/core';
import { beforeAll, expect, it } from 'vitest';
import { meets, type Values } from '../../../src/counters/src/declarations/condition.js';
import { defineCounter, recount, registryOf, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';

enum Mood {
  CALM = 'calm',
  WILD = 'wild',
}

enum Level {
  LOW = 1,
  HIGH = 2,
}

/** A target with a count for each kind of condition. */
@Entity({ tableName: 'pond' })
class Pond {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  readonly calm: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly calmOrNone: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly high: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly fed: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly unfed: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly young: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly old: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly notYoung: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly light: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly priced: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly numbered: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly heavy: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly notHeavy: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly dear: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly early: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly late: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly thisYear: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly costly: Opt<number> = 0;
}

/** A counted row whose columns accept more than their properties, as columns of older databases do. */
@Entity({ tableName: 'fish' })
class Fish {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Pond, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  pond!: Ref<Pond>;

  @Enum({ items: () => Mood, columnType: 'varchar(20)', nullable: true })
  mood?: Mood | null;

  @Enum({ items: () => Level, nullable: true })
  level?: Level | null;

  @Property({ type: 'boolean', nullable: true })
  fed?: boolean | null;

  @Property({ type: 'integer', nullable: true })
  age?: number | null;

  @Property({ type: 'float', nullable: true })
  weight?: number | null;

  @Property({ type: 'decimal', precision: 10, scale: 2, nullable: true, runtimeType: 'number' })
  price?: number | null;

  @Property({ type: 'bigint', nullable: true, runtimeType: 'number' })
  number?: number | null;

  @Property({ type: 'datetime', length: 6, nullable: true })
  caught?: Date | null;

  @Property({ type: 'date', nullable: true })
  day?: string | null;

  @Property({ type: 'decimal', precision: 10, scale: 2, nullable: true })
  worth?: string | null;
}

const count = <Into extends Exclude<keyof Pond, 'id'>>(into: Into, where: object) =>
  defineCounter({ counted: Fish, by: 'pond', into: into, where });

const CAUGHT = new Date('2024-03-31T01:00:00.500Z');

const counters = [
  count('calm', { mood: Mood.CALM }),
  count('calmOrNone', { mood: [Mood.CALM, null] }),
  count('high', { level: Level.HIGH }),
  count('fed', { fed: true }),
  count('unfed', { fed: [false, null] }),
  count('young', { age: [0, 1, -1] }),
  count('old', { age: { $gt: 1 } }),
  count('notYoung', { $not: { age: [0, 1] } }),
  count('light', { weight: [0.1, 2] }),
  count('priced', { price: [1.5, 20] }),
  count('heavy', { weight: { $gte: 1 } }),
  count('notHeavy', { $not: { weight: { $gt: 1 } } }),
  count('dear', { price: { $gt: 1.5 } }),
  count('early', { caught: { $lte: CAUGHT } }),
  count('late', { $not: { caught: { $lte: CAUGHT } } }),
  count('thisYear', { day: { $gte: '2024-01-01' } }),
  count('costly', { worth: { $gte: '1.5' } }),
  count('numbered', { number: [7, 9_007_199_254_740_991] }),
];

/** Values of each column as raw SQL can write them. */
const values: Record<string, string[]> = {
  mood: ["'calm'", "'Calm'", "'CALM'", "'calm '", "' calm'", "'cálm'", "''", "'wild'", 'null'],
  level: ['1', '2', "'2'", '3', 'null'],
  fed: ['0', '1', '2', '-1', 'null'],
  age: ['0', '1', '-1', '2', 'null'],
  weight: ['0.1', '0.1000001', '0.2', '2', 'null'],
  price: ['1.5', '1.50', '1.51', '20', 'null'],
  worth: ['1.5', '1.50', '1.49', '20', 'null'],
  day: ["'2024-01-01'", "'2023-12-31'", "'9999-12-31'", 'null'],
  number: ['7', '8', '9007199254740991', '9007199254740990', 'null'],
};

/** The dates of the servers, and of SQLite, where MikroORM stores milliseconds. */
const datesOfServers = [
  "'2024-03-31 01:00:00.5'",
  "'2024-03-31 01:00:00.500001'",
  "'2024-03-31 01:00:00.499999'",
  'null',
];
const datesOfSqlite = ['1711846800500', '1711846800501', '1711846800499', 'null'];

/** The values of those columns that have a type of their own on PostgreSQL. */
const valuesOfPostgresql: Record<string, string[]> = {
  fed: ['false', 'true', 'null'],
  price: ['1.5', '1.50', '1.51', '20', "'NaN'", 'null'],
  weight: ['0.1', '0.1000001', '0.2', '2', "'NaN'", "'Infinity'", "'-Infinity'", 'null'],
  worth: ['1.5', '1.50', '1.49', '20', "'NaN'", 'null'],
  day: ["'2024-01-01'", "'2023-12-31'", "'12024-01-01'", "'0044-03-15 BC'", "'infinity'", "'-infinity'", 'null'],
  caught: [
    "'2024-03-31 01:00:00.5+00'",
    "'2024-03-31 02:00:00.500001+01'",
    "'2024-03-31 06:30:00.499999+05:30'",
    "'2024-03-30 20:00:00.5-05:00'",
    "'1890-01-01 00:00:00.000001+00'",
    "'0044-03-15 00:00:00.25+00 BC'",
    "'12024-03-31 00:00:00+00'",
    "'294000-01-01 00:00:00+00'",
    "'infinity'",
    "'-infinity'",
    'null',
  ],
};

describeOnEngineDatabases('verify and the hooks', kind => {
  const schema = useSchema(kind, { entities: [Pond, Fish], counters });

  // An enum's column is one of text there, with a check that older databases have not.
  if (kind === 'sqlite') beforeAll(() => schema.write('pragma ignore_check_constraints = on'));
  if (kind === 'postgresql')
    beforeAll(() =>
      schema.write('alter table fish drop constraint fish_mood_check, drop constraint if exists fish_level_check'),
    );
  const mine =
    kind === 'postgresql'
      ? { ...values, ...valuesOfPostgresql }
      : { ...values, caught: kind === 'sqlite' ? datesOfSqlite : datesOfServers };

  it.each(Object.entries(mine))(
    'verify and the hooks agree in every row on what %s makes of a condition',
    async (column, some) => {
      // SQLite keeps a text that is no number in a column of numbers.
      const spellings = kind === 'sqlite' ? [...some, "'abc'", "''", "x'31'"] : some;
      for (const [index, spelling] of spellings.entries()) {
        await schema.write('insert into pond (id) values (?)', [index + 1]);
        await schema.write(`insert into fish (pond_id, ${column}) values (?, ${spelling})`, [index + 1]);
      }
      const declared = registryOf(schema.em())!.groups.flatMap(group => group.counters);
      const fish = new Map(
        (await schema.rows<Values & { pond_id: number }>('select * from fish')).map(row => [row.pond_id, row]),
      );
      const chunks = await Array.fromAsync(verify(schema.em(), Pond, { all: true }));
      for (const { counter, key, actual } of chunks.flatMap(chunk => chunk.counts)) {
        const { condition } = declared.find(({ name }) => name === counter)!;
        const [spelling, row] = [spellings[(key[0] as number) - 1], fish.get(key[0] as number)!];
        expect([counter, spelling, actual]).toEqual([counter, spelling, meets(condition, row) ? 1 : 0]);
      }
    },
  );

  it('verify agrees with what a recount writes', async () => {
    await schema.write('insert into pond (id) values (1)');
    for (const [column, spellings] of Object.entries(mine)) {
      for (const spelling of spellings)
        await schema.write(`insert into fish (pond_id, ${column}) values (1, ${spelling})`);
    }
    const [before] = await Array.fromAsync(verify(schema.em(), Pond, { all: true }));
    await schema.em().transactional(em => recount(em as never, Pond, [1]));
    const [after] = await Array.fromAsync(verify(schema.em(), Pond, { all: true }));
    expect(after!.counts.map(({ stored }) => stored)).toEqual(before!.counts.map(({ actual }) => actual));
    expect(before!.counts.filter(({ actual }) => Number(actual) > 0).length).toBeGreaterThan(7);
  });
});
