import { defineEntity, p, Type, type EntityClass } from '@mikro-orm/core';
import { MySqlDriver } from '@mikro-orm/mysql';
import { MikroORM } from '@mikro-orm/sql';
import { describe, expect, it } from 'vitest';
import { defineCounter, withCounters, type Counter } from 'mikro-orm-counters';
import { schemaOptions } from '../../support/schema.js';
import { Comment } from '../models/articles.js';

class Shouted extends Type<number, number> {
  override getColumnType(): string {
    return 'integer';
  }

  override get runtimeType(): string {
    return 'number';
  }
}

const AuditSchema = defineEntity({
  name: 'Audit',
  embeddable: true,
  properties: { changedAt: p.datetime().nullable() },
});
class Audit extends AuditSchema.class {}
AuditSchema.setClass(Audit);

const TopicSchema = defineEntity({
  name: 'Topic',
  properties: {
    id: p.integer().primary(),
    parent: () => p.manyToOne(Topic).nullable().deleteRule('restrict').updateRule('restrict'),
    noteCount: p.integer().unsigned().default(0),
    openCount: p.integer().unsigned().default(0),
    childCount: p.integer().unsigned().default(0),
    updatedAt: p.datetime().nullable(),
    number: p.integer().default(0),
    year: p.integer().default(2024),
    yearAgain: p.integer().fieldName('year').nullable(),
    maybe: p.integer().nullable(),
    title: p.string().default(''),
    day: p.date().nullable(),
    price: p.decimal('number').precision(8).scale(2).default(0),
    ratio: p.float().default(0),
    open: p.boolean().default(true),
    level: p.integer().default(0),
    shadow: p.datetime().persist(false).nullable(),
    twice: p.integer().generated('(id * 2) stored').nullable(),
    seal: p.integer().default(0).concurrencyCheck(),
    code: p.integer().default(0).unique(),
    kind: p.enum([1, 2]).default(1),
    shouted: p.type(Shouted).default(0),
    hidden: p.integer().default(0).hydrate(false),
    wrapped: p.integer().default(0).ref(),
    rotated: p.datetime().nullable().extra('on update current_timestamp'),
    audit: () => p.embedded(Audit).nullable(),
    json: () => p.embedded(Audit).object().nullable(),
    versionAt: p.datetime().version(),
  },
});
class Topic extends TopicSchema.class {}
TopicSchema.setClass(Topic);

const NoteSchema = defineEntity({
  name: 'Note',
  properties: {
    id: p.integer().primary(),
    topic: () => p.manyToOne(Topic).deleteRule('restrict').updateRule('restrict'),
  },
});
class Note extends NoteSchema.class {}
NoteSchema.setClass(Note);

const childCounter: Counter = { counted: Topic, by: 'parent', into: 'childCount', where: { level: 1 } };

async function start(...counters: Counter[]): Promise<unknown> {
  const options = await schemaOptions('sqlite::memory:', {
    entities: [Topic, Note] as EntityClass<object>[],
    counters,
    options: { discovery: { checkDuplicateFieldNames: false } },
  });
  return new MikroORM(options as never);
}

const touching = (touch: unknown): Counter => ({
  counted: Note,
  by: 'topic',
  into: 'noteCount',
  touch: touch as string,
});

const refused: [touch: unknown, problem: RegExp][] = [
  ['colour', /Topic has no column property "colour"/],
  ['parent', /no column property "parent"/],
  ['audit', /no column property "audit"/],
  [['updatedAt', 'updatedAt'], /"updatedAt" is touched twice/],
  ['noteCount', /"noteCount" is its own stored count/],
  ['childCount', /touches "childCount", which is a stored count/],
  ['level', /touches "level", which decides how Topic rows are counted themselves/],
  ['id', /is numbered by the database|is the key of its row/],
  ['title', /has the type text|has the type varchar/],
  ['day', /has a type of its own|has the type date/],
  ['price', /has a type of its own/],
  ['ratio', /has the type (real|float)/],
  ['open', /has the type/],
  ['maybe', /may be null/],
  ['shadow', /has no column that the application writes/],
  ['twice', /has no column that the application writes/],
  ['seal', /has concurrencyCheck/],
  ['code', /is unique/],
  ['kind', /is an enumeration/],
  ['shouted', /has a type of its own/],
  ['hidden', /is not read/],
  ['wrapped', /is wrapped/],
  ['rotated', /is changed by the database itself/],
  ['year', /shares its column with "yearAgain"/],
  ['json_changedAt', /JSON|no column/],
  ['versionAt', /is a version by time/],
];

describe('what a counter touches', () => {
  it.each(refused)('touching %s is refused at the start', async (touch, problem) => {
    await expect(start(childCounter, touching(touch))).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringMatching(problem),
    });
  });

  it('dates, whole numbers and parts of embedded objects can be touched', async () => {
    await expect(start(childCounter, touching(['updatedAt', 'number', 'audit_changedAt']))).resolves.toBeDefined();
    await expect(start(childCounter, touching([]))).resolves.toBeDefined();
  });

  it.each([
    ['timestamp', 'Z', /has the type timestamp, whose values depend on the session; use datetime/],
    ['datetime', undefined, /has no timezone/],
    ['datetime(3)', '-05:30', undefined],
  ])(
    'a date of the type %s in the time zone %s of MySQL is refused where triggers cannot write it',
    (type, timezone, problem) => {
      const schema = defineEntity({
        name: 'Dated',
        properties: {
          id: p.integer().primary(),
          n: p.integer().default(0),
          at: p.datetime().columnType(type).nullable(),
        },
      });
      const row = defineEntity({
        name: 'Row',
        properties: { id: p.integer().primary(), dated: () => p.manyToOne(schema).deleteRule('restrict') },
      });
      const counters: Counter[] = [{ counted: row.class, by: 'dated', into: 'n', touch: 'at' }];
      const began = (): unknown =>
        new MikroORM(
          withCounters(
            { driver: MySqlDriver, dbName: 'none', entities: [schema, row], timezone, forceUtcTimezone: false },
            counters,
          ) as never,
        );
      if (problem) expect(began).toThrow(problem);
      else expect(began).not.toThrow();
    },
  );

  it('the type refuses what cannot be touched, as far as types can tell', () => {
    const [base, text] = [{ counted: Comment, by: 'article', into: 'commentCount' } as const, 'title' as const];
    expect(defineCounter({ ...base, touch: ['updatedAt', 'version'] }).touch).toEqual(['updatedAt', 'version']);
    expect(defineCounter({ ...base, by: 'article.section', touch: 'commentedAt' }).touch).toBe('commentedAt');
    // @ts-expect-error a text
    expect(defineCounter({ ...base, touch: text }).touch).toBe(text);
    // @ts-expect-error a property of the target that does not exist
    expect(defineCounter({ ...base, touch: ['updatedAt', 'changedAt'] }).touch).toHaveLength(2);
    // @ts-expect-error a property of the rows between, and not of the target
    expect(defineCounter({ ...base, by: 'article.section', touch: 'revision' }).touch).toBe('revision');
  });
});
