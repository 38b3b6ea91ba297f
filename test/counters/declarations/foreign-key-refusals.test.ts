import type { EntityMetadata, EntityProperty, Opt, Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { MikroORM } from '@mikro-orm/sql';
import { describe, expect, it } from 'vitest';
import { defineCounter, installTriggers, type CounterStrategy } from 'mikro-orm-counters';
import type { Options } from '../../../src/database/orm-options.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { expectExact } from '../../support/exact-counts.js';
import { freshSchema, schemaOptions, useSchema } from '../../support/schema.js';

/** A target. */
@Entity({ tableName: 'shop' })
class Shop {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  readonly lineCount: Opt<number> = 0;
}

/** Another target of the same rows. */
@Entity({ tableName: 'product' })
class Product {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  readonly lineCount: Opt<number> = 0;
}

/** A counted row. The cases below give its foreign keys their rules. */
@Entity({ tableName: 'line' })
class Line {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Shop, { ref: true })
  shop!: Ref<Shop>;

  @ManyToOne(() => Product, { ref: true })
  product!: Ref<Product>;
}

/** A target with a key of two columns. */
@Entity({ tableName: 'room' })
class Room {
  @PrimaryKey({ type: 'integer' })
  house!: number;

  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  readonly stayCount: Opt<number> = 0;
}

/** Another target with such a key, whose first column counted rows share. */
@Entity({ tableName: 'guest' })
class Guest {
  @PrimaryKey({ type: 'integer' })
  house!: number;

  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  readonly stayCount: Opt<number> = 0;
}

/** A counted row that names its house once for both of its targets. */
@Entity({ tableName: 'stay' })
class Stay {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Room, { ref: true, joinColumns: ['house', 'room_id'] })
  room!: Ref<Room>;

  @ManyToOne(() => Guest, { ref: true, joinColumns: ['house', 'guest_id'] })
  guest!: Ref<Guest>;
}

const entities = [Shop, Product, Line, Room, Guest, Stay];
const byShop = defineCounter({ counted: Line, by: 'shop', into: 'lineCount' });
const byProduct = defineCounter({ counted: Line, by: 'product', into: 'lineCount' });
const byRoom = defineCounter({ counted: Stay, by: 'room', into: 'stayCount' });
const byGuest = defineCounter({ counted: Stay, by: 'guest', into: 'stayCount' });

type Rules = Readonly<Record<string, Partial<EntityProperty>>>;

/** Returns options with which relations have some rules. */
function withRules(rules: Rules): Options {
  return {
    discovery: {
      onMetadata({ properties }: EntityMetadata) {
        for (const [name, given] of Object.entries(rules))
          if (name in properties) Object.assign(properties[name as never] as object, given);
      },
    },
  } as Options;
}

interface Case {
  readonly counters?: readonly (typeof byShop)[];
  readonly rules?: Rules;
  readonly generator?: object;
  readonly strategy?: CounterStrategy;
}

async function start({ counters = [byShop], rules = {}, generator, strategy = 'hooks' }: Case): Promise<MikroORM> {
  const options = { ...withRules(rules), schemaGenerator: generator } as Options;
  return new MikroORM((await schemaOptions('sqlite::memory:', { entities, counters, options }, strategy)) as never);
}

const both = [byShop, byProduct];

const allowed: [name: string, its: Case][] = [
  ['a target that takes its rows along', { rules: { shop: { deleteRule: 'cascade' } } }],
  ['a target that sets its rows free', { rules: { shop: { nullable: true } } }],
  ['a row that counts nothing and sets rows free', { rules: { product: { nullable: true } } }],
  ['one of two targets that sets its rows free', { counters: both, rules: { product: { nullable: true } } }],
  ['rows that follow the key of their target', { rules: { shop: { updateRule: 'cascade' } } }],
  ['rows that follow the key of what does not count', { rules: { product: { updateRule: 'cascade' } } }],
  ['rows that get a default for what does not count', { rules: { product: { deleteRule: 'set default' } } }],
  [
    'a default rule by which the only target takes its rows along',
    {
      rules: { product: { deleteRule: 'RESTRICT' } },
      generator: { defaultDeleteRule: 'cascade' },
    },
  ],
  [
    'a default rule to restrict',
    { counters: both, generator: { defaultDeleteRule: 'restrict', defaultUpdateRule: 'no action' } },
  ],
  ['a default rule to follow keys', { counters: both, generator: { defaultUpdateRule: 'cascade' } }],
  [
    'a relation that counts nothing and has no foreign key',
    { rules: { product: { deleteRule: 'cascade', createForeignKeyConstraint: false } } },
  ],
  ['a key of two columns that its rows follow', { counters: [byRoom], rules: { guest: { updateRule: 'restrict' } } }],
  [
    'a shared column that no rule changes',
    {
      counters: [byRoom, byGuest],
      rules: { room: { updateRule: 'restrict' }, guest: { updateRule: 'restrict' } },
    },
  ],
  [
    'the strategy triggers and rows that follow the key of what does not count',
    {
      strategy: 'triggers',
      rules: { product: { updateRule: 'cascade' } },
    },
  ],
];

const refused: [name: string, problem: RegExp, its: Case][] = [
  [
    'a row that counts nothing and takes rows along',
    /Shop\.lineCount could not be kept: the foreign key "product" of Line has the delete rule "cascade".*remove Line rows.*deleteRule: 'restrict'/,
    { rules: { product: { deleteRule: 'CASCADE' } } },
  ],
  [
    'one of two targets that takes rows along',
    /Product\.lineCount could not be kept: the foreign key "shop".*"cascade"/,
    { counters: both, rules: { shop: { deleteRule: 'cascade' } } },
  ],
  [
    'a default rule to take rows along',
    /Shop\.lineCount could not be kept: the foreign key "product".*"cascade".*deleteRule: 'restrict'/,
    { generator: { defaultDeleteRule: 'cascade' } },
  ],
  [
    'a default target',
    /"shop".*the delete rule "set default".*counted by/,
    { rules: { shop: { deleteRule: 'set default' } } },
  ],
  [
    'rows that a new key of their target sets free',
    /"shop".*the update rule "set null".*updateRule: 'restrict'/,
    { rules: { shop: { updateRule: 'set null' } } },
  ],
  [
    'rows that get a default target with a new key',
    /"shop".*the update rule "set default"/,
    { rules: { shop: { updateRule: 'set default' } } },
  ],
  [
    'a default rule for new keys that sets rows free',
    /"shop".*the update rule "set null"/,
    { generator: { defaultUpdateRule: 'set null' } },
  ],
  [
    'a shared column that follows the key of another row',
    /Guest\.stayCount could not be kept: the foreign key "room".*the update rule "cascade"/,
    { counters: [byRoom, byGuest] },
  ],
  [
    'a shared column that another row sets to null',
    /Room\.stayCount could not be kept: the foreign key "guest".*the delete rule "set null"/,
    { counters: [byRoom], rules: { guest: { nullable: true, updateRule: 'restrict' } } },
  ],
  [
    'a target without a foreign key',
    /the relation "shop" of Line has no foreign key.*createForeignKeyConstraint/,
    { rules: { shop: { createForeignKeyConstraint: false } } },
  ],
  [
    'a schema without foreign keys',
    /the relation "shop" of Line has no foreign key/,
    { generator: { createForeignKeyConstraints: false } },
  ],
  [
    'triggers that a new key of a target would fire',
    /"shop".*the update rule "cascade".*triggers.*updateRule: 'restrict', or count with hooks/,
    { strategy: 'triggers', rules: { shop: { updateRule: 'cascade' } } },
  ],
];

describe('the rules of foreign keys', () => {
  it.each(allowed)('an ORM with %s starts', async (_name, its) => {
    await expect(start(its)).resolves.toBeDefined();
  });

  it.each(refused)('an ORM with %s fails with COUNTER_DECLARATION', async (_name, message, its) => {
    await expect(start(its)).rejects.toMatchObject({
      name: 'CounterError',
      code: 'COUNTER_DECLARATION',
      message: expect.stringMatching(message),
    });
  });
});

describeOnEngineDatabases('a new key of a target', kind => {
  const followed = {
    entities: [Shop, Product, Line],
    counters: both,
    options: withRules({ shop: { updateRule: 'cascade' }, product: { nullable: true } }),
  };
  // Triggers that foreign keys fire are refused, as above.
  for (const strategy of kind === 'sqlite' || kind === 'postgresql'
    ? (['hooks'] as const)
    : (['hooks', 'triggers'] as const)) {
    describe(`with ${strategy}`, () => {
      const schema = useSchema(kind, followed, strategy);

      it('its rows follow, and the counts stay exact', async () => {
        const em = schema.em();
        const shop = em.create(Shop, { id: 1 });
        for (const id of [1, 2]) em.create(Line, { shop, product: em.create(Product, { id }) });
        await em.flush();
        await schema.em().nativeUpdate(Shop, { id: 1 }, { id: 7 });
        const again = schema.em();
        const line = await again.findOneOrFail(Line, { shop: 7, product: 1 });
        await again.remove(line).flush();
        const last = schema.em();
        last.assign(await last.findOneOrFail(Shop, 7), { id: 8 });
        last.remove(await last.findOneOrFail(Product, 2));
        await last.flush();
        expect(await schema.rows('select id, line_count from shop')).toMatchObject([{ id: 8, line_count: 1 }]);
        await expectExact(
          schema,
          { target: 'shop', column: 'line_count', counted: 'line', by: { id: 'shop_id' } },
          { target: 'product', column: 'line_count', counted: 'line', by: { id: 'product_id' } },
        );
      });
    });
  }
});

describeOnEngineDatabases(
  'the triggers of a table whose foreign keys fire them',
  kind => {
    it('triggers that a new key of a target would fire are not installed', async () => {
      const options = withRules({ shop: { updateRule: 'cascade' } });
      const { database, drop } = await freshSchema(kind, { entities, counters: [byShop], options }, 'hooks');
      await expect(installTriggers(database.em)).rejects.toMatchObject({ code: 'COUNTER_DECLARATION' });
      await drop();
    });
  },
  ['sqlite', 'postgresql'],
);
