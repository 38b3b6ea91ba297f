import type { EntityClass, Opt, Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { MikroORM, type SqlEntityManager } from '@mikro-orm/sql';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defineCounter, type Counter } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { schemaOptions } from '../../support/schema.js';
import { Comment, expectExactTenants, openTenants, Remark, schemas, Thing, type Tenants } from '../models/tenants.js';

type Tables = Record<string, Record<string, unknown>>;

const { a, one, two } = schemas;
const bypass = 'COUNTER_BYPASS';
const assigned = 'COUNTER_ASSIGNED';
const declaration = 'COUNTER_DECLARATION';

/** Returns a query builder of whatever table is named. */
function from(em: SqlEntityManager, table: string): { delete: () => { execute: () => Promise<unknown> } } {
  return em.createQueryBuilder(Remark).from(table as never) as never;
}

/** Writes of tables that have their names more than once, with what comes of them. */
const writes: [name: string, code: string | undefined, write: (tenants: Tenants) => unknown][] = [
  ...(
    [
      ['comment', bypass],
      [`${a}.comment`, bypass],
      [`${a}.COMMENT`, bypass],
      [`${two}.comment`, undefined],
      [`${one}.item`, bypass],
      [`${two}.item`, bypass],
      ['item', undefined],
    ] as const
  ).flatMap(([table, code]): (typeof writes)[number][] => [
    [`Kysely's deleteFrom('${table}')`, code, ({ em }) => kysely(em()).deleteFrom(table).execute()],
    [`a query builder that deletes from ${table}`, code, ({ em }) => from(em(), table).delete().execute()],
  ]),
  ["Kysely's withSchema()", bypass, ({ em }) => kysely(em()).withSchema(one).deleteFrom('item').execute()],
  [
    "Kysely's withSchema() of another table",
    undefined,
    ({ em }) => kysely(em()).withSchema(two).deleteFrom('comment').execute(),
  ],
  [
    "Kysely's assignment of a count in a fixed schema",
    assigned,
    ({ em }) => kysely(em()).updateTable(`${two}.bag`).set({ item_count: 7 }).execute(),
  ],
  ['em.nativeDelete() of an entity that is not counted', undefined, ({ em }) => em().nativeDelete(Remark, {})],
  ['em.insert() of an entity that is not counted', undefined, ({ em }) => em().insert(Thing, { id: 1, bag: 0 })],
  ['em.nativeDelete() in a schema', bypass, ({ em }) => em(a).nativeDelete(Comment, {})],
  ['em.nativeDelete() with a schema', bypass, ({ em }) => em().nativeDelete(Comment, {}, { schema: a })],
  [
    'a flush of an entity that is not counted, in a table that is',
    declaration,
    ({ em }) => {
      const manager = em(one);
      manager.create(Thing, { id: 2 });
      return manager.flush();
    },
  ],
  ['em.insert() of such an entity', declaration, ({ em }) => em(one).insert(Thing, { id: 2, bag: 0 })],
  ['em.nativeDelete() of such an entity', declaration, ({ em }) => em().nativeDelete(Thing, {}, { schema: one })],
  ['a query builder of such an entity', declaration, ({ em }) => em(one).createQueryBuilder(Thing).delete().execute()],
  [
    'withSchema() of such an entity',
    declaration,
    ({ em }) => em().createQueryBuilder(Thing).withSchema(one).delete().execute(),
  ],
  [
    'a flush of a counted entity in a table of another',
    declaration,
    ({ em }) => {
      const manager = em(two);
      manager.create(Comment, { post: 1 });
      return manager.flush();
    },
  ],
];

function kysely(em: SqlEntityManager): Kysely<Tables> {
  return em.getKysely<Tables>();
}

describeOnEngineDatabases('tables of one name in several schemas', kind => {
  let tenants: Tenants;
  beforeAll(async () => {
    tenants = await openTenants(kind, 'hooks');
  });
  afterAll(() => tenants.drop());

  it.each(writes)('%s has the outcome %s', async (_name, code, write) => {
    const refusal = await Promise.resolve()
      .then(() => write(tenants))
      .then(
        () => undefined,
        (error: unknown) => error as { code?: string },
      );
    expect(refusal?.code, JSON.stringify(refusal)).toBe(code);
    await expectExactTenants(tenants);
  });
});

@Entity({ tableName: 'album', schema: 'shared' })
class Album {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  readonly songCount: Opt<number> = 0;
}

@Entity({ tableName: 'song' })
class Song {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Album, { ref: true, deleteRule: 'restrict' })
  album!: Ref<Album>;
}

@Entity({ tableName: 'song', schema: '*' })
class OtherSong {
  @PrimaryKey({ type: 'integer' })
  id!: number;
}

async function start(entities: readonly EntityClass<object>[], counters: readonly Counter[]): Promise<MikroORM> {
  return new MikroORM((await schemaOptions('sqlite::memory:', { entities, counters }, 'hooks')) as never);
}

const songs = [defineCounter({ counted: Song, by: 'album', into: 'songCount' })];

it('rows of several schemas that would count into one fixed target are refused', async () => {
  const orm = await start([Album, Song], songs);
  const em = (orm.em as unknown as SqlEntityManager).fork({ schema: 'tenant' });
  em.create(Song, { album: 1 });
  await expect(em.flush()).rejects.toMatchObject({
    code: declaration,
    message: expect.stringMatching(/Album\.songCount counts Song rows of one schema.*schema tenant/) as string,
  });
});

it('an entity without a schema and one with any are refused on one table', async () => {
  await expect(start([Album, Song, OtherSong], songs)).rejects.toMatchObject({
    code: declaration,
    message: expect.stringMatching(/OtherSong has the table song too/) as string,
  });
});
