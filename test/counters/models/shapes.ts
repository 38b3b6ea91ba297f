import { defineEntity, EntitySchema, p, type EntityClass } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Counter } from 'mikro-orm-counters';
import type { StoredCount } from '../../support/exact-counts.js';
import type { SchemaOptions } from '../../support/schema.js';

/** A counter of one shape of entities and relations, and how its rows are written. */
export interface Shape {
  /** The shape, after "a counter of". */
  readonly name: string;
  readonly counted: EntityClass<object>;
  readonly target: EntityClass<object>;
  readonly by: string;
  readonly into: string;
  readonly where?: Counter['where'];
  /** True where a counted row needs the key of its target. */
  readonly needsKey?: boolean;
  /** Properties that are read only when they are asked for. */
  readonly lazy?: readonly string[];
  /** What a new target needs. */
  readonly targetData?: object;
  /** Returns the data of a counted row of a target. */
  readonly row: (target: object) => object;
  /** Returns the count that a target shows. */
  readonly shown: (target: never) => number;
  readonly stored: StoredCount;
}

const key = () => p.integer().primary();
const count = () => p.integer().unsigned().default(0);

const Member = defineEntity({
  name: 'Member',
  tableName: 'member',
  properties: { id: key(), badgeCount: count() },
});

const Badge = defineEntity({
  name: 'Badge',
  tableName: 'badge',
  properties: {
    id: key(),
    holder: () => p.oneToOne(Member).owner().nullable().deleteRule('restrict').updateRule('restrict'),
  },
});

const Figures = defineEntity({
  name: 'Figures',
  embeddable: true,
  properties: { likes: count(), views: count() },
});

const Summary = defineEntity({
  name: 'Summary',
  embeddable: true,
  properties: { figures: () => p.embedded(Figures) },
});

const Picture = defineEntity({
  name: 'Picture',
  tableName: 'picture',
  properties: { id: key(), title: p.string().default(''), summary: () => p.embedded(Summary) },
});

const Like = defineEntity({
  name: 'Like',
  tableName: 'picture_like',
  properties: { id: key(), picture: () => p.manyToOne(Picture).deleteRule('restrict').updateRule('restrict') },
});

const Park = defineEntity({
  name: 'Park',
  tableName: 'park',
  properties: { id: key(), visitCount: count() },
});

const Place = defineEntity({
  name: 'Place',
  embeddable: true,
  properties: {
    park: () => p.manyToOne(Park).nullable().deleteRule('restrict').updateRule('restrict'),
    open: p.boolean(),
  },
});

const Visit = defineEntity({
  name: 'Visit',
  tableName: 'visit',
  properties: { id: key(), place: () => p.embedded(Place) },
});

const Page = defineEntity({
  name: 'Page',
  tableName: 'page',
  properties: { id: key(), hitCount: p.bigint('number').default(0) },
});

const Hit = defineEntity({
  name: 'Hit',
  tableName: 'hit',
  properties: { id: key(), page: () => p.manyToOne(Page).mapToPk().deleteRule('restrict').updateRule('restrict') },
});

/** A base that has no table, with the relation by which rows of another entity are counted. */
const Owned = defineEntity({
  name: 'Owned',
  abstract: true,
  properties: { id: key(), owner: () => p.manyToOne(Owner).deleteRule('restrict').updateRule('restrict') },
});

const Counting = defineEntity({
  name: 'Counting',
  abstract: true,
  properties: { id: key(), ownedCount: count() },
});

const Owner = defineEntity({
  name: 'Owner',
  tableName: 'owner',
  extends: Counting,
  properties: { nick: p.string().nullable() },
});

const Car = defineEntity({
  name: 'Car',
  tableName: 'car',
  extends: Owned,
  properties: { seats: p.integer().nullable() },
});

interface Bin {
  id: number;
  itemCount: number;
}

interface Item {
  id: number;
  bin: Bin;
  heavy: boolean;
}

const BinSchema = new EntitySchema<Bin>({
  name: 'Bin',
  tableName: 'bin',
  properties: {
    id: { type: 'integer', primary: true },
    itemCount: { type: 'integer', unsigned: true, default: 0, lazy: true, hidden: true },
  },
});

const ItemSchema = new EntitySchema<Item>({
  name: 'Item',
  tableName: 'item',
  properties: {
    id: { type: 'integer', primary: true },
    bin: { kind: 'm:1', entity: () => BinSchema, deleteRule: 'restrict', updateRule: 'restrict' },
    heavy: { type: 'boolean', lazy: true },
  },
});

const keyOf = (target: object): number => (target as { id: number }).id;

/** One counter of each shape. */
export const shapes: readonly Shape[] = [
  {
    name: 'the owning side of a one-to-one relation',
    counted: Badge.class,
    target: Member.class,
    by: 'holder',
    into: 'badgeCount',
    row: holder => ({ holder }),
    shown: ({ badgeCount }: { badgeCount: number }) => badgeCount,
    stored: { target: 'member', column: 'badge_count', counted: 'badge', by: { id: 'holder_id' } },
  },
  {
    name: 'a stored count in an embedded object',
    counted: Like.class,
    target: Picture.class,
    by: 'picture',
    into: 'summary_figures_likes',
    targetData: { summary: { figures: {} } },
    row: picture => ({ picture }),
    shown: ({ summary }: { summary: { figures: { likes: number } } }) => summary.figures.likes,
    stored: { target: 'picture', column: 'summary_figures_likes', counted: 'picture_like', by: { id: 'picture_id' } },
  },
  {
    name: 'a relation and a condition in an embedded object',
    counted: Visit.class,
    target: Park.class,
    by: 'place_park',
    into: 'visitCount',
    where: { place: { open: true } },
    row: park => ({ place: { park, open: true } }),
    shown: ({ visitCount }: { visitCount: number }) => visitCount,
    stored: {
      target: 'park',
      column: 'visit_count',
      counted: 'visit',
      by: { id: 'place_park_id' },
      where: 'c.place_open',
    },
  },
  {
    name: 'a relation that is mapped to a key, into a bigint',
    counted: Hit.class,
    target: Page.class,
    by: 'page',
    into: 'hitCount',
    needsKey: true,
    row: page => ({ page: keyOf(page) }),
    shown: ({ hitCount }: { hitCount: number }) => hitCount,
    stored: { target: 'page', column: 'hit_count', counted: 'hit', by: { id: 'page_id' } },
  },
  {
    name: 'entities that extend abstract ones',
    counted: Car.class,
    target: Owner.class,
    by: 'owner',
    into: 'ownedCount',
    row: owner => ({ owner }),
    shown: ({ ownedCount }: { ownedCount: number }) => ownedCount,
    stored: { target: 'owner', column: 'owned_count', counted: 'car', by: { id: 'owner_id' } },
  },
  {
    name: 'entities of an EntitySchema with lazy properties',
    counted: ItemSchema.meta.class,
    target: BinSchema.meta.class,
    by: 'bin',
    into: 'itemCount',
    lazy: ['itemCount'],
    where: { heavy: false },
    row: bin => ({ bin, heavy: false }),
    shown: ({ itemCount }: { itemCount: number }) => itemCount,
    stored: { target: 'bin', column: 'item_count', counted: 'item', by: { id: 'bin_id' }, where: 'not c.heavy' },
  },
];

/** The entities and counters of all shapes. */
export const shapesModel: SchemaOptions = {
  entities: [
    Member,
    Badge,
    Figures,
    Summary,
    Picture,
    Like,
    Park,
    Place,
    Visit,
    Page,
    Hit,
    Owned,
    Counting,
    Owner,
    Car,
    BinSchema,
    ItemSchema,
  ] as unknown as EntityClass<object>[],
  counters: shapes.map(({ counted, by, into, where }) => ({ counted, by, into, ...(where && { where }) })),
};

/** Makes a target that is not saved yet. */
export function newTarget(em: SqlEntityManager, { target, targetData = {} }: Shape): object {
  return em.create(target, targetData as never);
}
