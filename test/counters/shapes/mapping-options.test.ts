import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { defineEntity, p, Type, type EntityClass } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sql';
import type { Counter } from 'mikro-orm-counters';
import { describe, expect, it } from 'vitest';
// The lists are no part of the engine's interface.
import { entityOptions, propertyOptions } from '../../../src/counters/src/declarations/mapping-options.js';
import { schemaOptions } from '../../support/schema.js';

const declarations = readFileSync(
  createRequire(import.meta.url)
    .resolve('@mikro-orm/core')
    .replace('index.js', 'typings.d.ts'),
  'utf8',
);

/** Returns the names that a block of MikroORM's own declarations has, without its methods. */
function declaredIn(beginning: string): string[] {
  const from = declarations.indexOf(beginning);
  expect(from, beginning).toBeGreaterThanOrEqual(0);
  const block = declarations.slice(from, declarations.indexOf('\n}', from));
  const names = [...block.matchAll(/^ {4}(?:readonly (\w+): |get (\w+)\(\)|(\w+)\??: )/gm)].map(found =>
    found.slice(1).find(Boolean)!,
  );
  return [...new Set(names)].toSorted();
}

describe('the list of the options of mapping', () => {
  it('the list of the options of mapping has every option of properties, and no other', () => {
    const names = declaredIn('export interface EntityProperty<');
    expect(names.length).toBeGreaterThan(80);
    expect(Object.keys(propertyOptions).toSorted()).toEqual(names);
  });

  it('the list of the options of mapping has every option of entities, and no other', () => {
    const names = [
      ...declaredIn('export interface EntityMetadata<'),
      ...declaredIn('export declare class EntityMetadata<'),
    ];
    // It is a function, and so not in the list.
    const options = new Set(names.filter(name => name !== 'repository'));
    expect(options.size).toBeGreaterThan(70);
    expect(Object.keys(entityOptions).toSorted()).toEqual([...options].toSorted());
  });
});

/** Stores ten times the number. */
class Tenfold extends Type<number, number> {
  override convertToDatabaseValue(value: number): number {
    return value * 10;
  }

  override convertToJSValue(value: number): number {
    return value / 10;
  }

  override getColumnType(): string {
    return 'integer';
  }

  override get runtimeType(): string {
    return 'number';
  }
}

/** The entities of a declaration, and the counter among them; left out, the counter is Row.parent → amount. */
interface Declared {
  readonly entities: readonly unknown[];
  readonly counter?: Partial<Counter>;
  readonly others?: readonly Counter[];
}

const key = () => p.integer().primary();
const count = () => p.integer().default(0);

/** Returns a target, and a row that refers to it. */
function pair(amount: unknown, of: object = {}): [target: EntityClass<object>, row: EntityClass<object>] {
  const target = entity('Parent', { id: key(), code: p.integer().unique(), amount }, of);
  return [target, entity('Row', { id: key(), parent: () => p.manyToOne(target).deleteRule('restrict') })];
}

/** Returns an entity whose options the types would not take together. */
function entity(name: string, properties: object, options: object = {}): EntityClass<object> {
  return defineEntity({ name, tableName: `the_${name.toLowerCase()}`, ...options, properties } as never) as never;
}

async function start({ entities, counter = {}, others = [] }: Declared): Promise<MikroORM> {
  const row = entities.at(-1) as { class: EntityClass<object> };
  const counters = [{ counted: row.class, by: 'parent', into: 'amount', ...counter }, ...others];
  return new MikroORM(
    (await schemaOptions('sqlite::memory:', { entities: entities as EntityClass<object>[], counters })) as never,
  );
}

const withCount = (amount: unknown) => (): Declared => ({ entities: pair(amount) });

function withRelation(relation: (target: never) => unknown, counter: Partial<Counter> = {}): () => Declared {
  return () => {
    const [target] = pair(count());
    return { entities: [target, entity('Row', { id: key(), parent: () => relation(target as never) })], counter };
  };
}

/** Returns two targets, and a row that refers to one of them. */
function severalEntities(counter: Partial<Counter> = {}, ofTarget: object = {}, ofRow: object = {}): Declared {
  const target = entity('Parent', { id: key(), amount: count(), ...ofTarget });
  const other = entity('Other', { id: key(), amount: count() });
  const parent = () => p.manyToOne([target, other] as never);
  return { entities: [target, other, entity('Row', { id: key(), parent, ...ofRow })], counter };
}

const refused: [name: string, problem: RegExp, declared: () => Declared][] = [
  [
    'a stored count with a type that stores other numbers',
    /"amount" has a type that stores other numbers.*integer/,
    withCount(p.type(Tenfold).default(0)),
  ],
  ['a stored count that rounds', /"amount" has the type real.*integer/, withCount(p.float().default(0))],
  ['a stored count in a reference', /"amount" is wrapped.*leave "ref" out/, withCount(count().ref())],
  ['a stored count that is not read', /"amount" is not read/, withCount(count().hydrate(false))],
  ['a stored count that is unique', /"amount" is unique/, withCount(count().unique())],
  ['a stored count that locks its row', /"amount" has concurrencyCheck/, withCount(count().concurrencyCheck())],
  ['a stored count that the database numbers', /"amount" is numbered/, withCount(count().autoincrement())],
  ['a stored count of an enumeration', /"amount" is an enumeration/, withCount(p.enum([0, 1]).default(0))],
  ['a stored count that is generated', /"amount" has no column/, withCount(p.integer().generated('(id * 2) stored'))],
  [
    'a stored count that is a relation',
    /no column property "code2"/,
    () => ({ entities: pair(count()), counter: { into: 'code2' } }),
  ],
  [
    'a relation to a column that targetKey does not name',
    /"parent" refers to code of Parent.*primary key \(id\).*targetKey/,
    withRelation(target =>
      p.manyToOne(target).referenceColumnName('code').joinColumn('parent_code').deleteRule('restrict'),
    ),
  ],
  [
    'a relation to a unique column that may be null',
    /"parent" refers to "code" of Parent, which may be null.*leave "nullable" out/,
    () => {
      const target = entity('Parent', { id: key(), code: p.integer().unique().nullable(), amount: count() });
      const parent = () =>
        p
          .manyToOne(target)
          .targetKey('code' as never)
          .deleteRule('restrict');
      return { entities: [target, entity('Row', { id: key(), parent })] };
    },
  ],
  [
    'a relation to a relation of the target',
    /"parent" refers to "other" of Parent, which is a relation itself/,
    () => {
      const other = entity('Other', { id: key() });
      const target = entity('Parent', { id: key(), other: () => p.oneToOne(other).owner().unique(), amount: count() });
      const parent = () =>
        p
          .manyToOne(target)
          .targetKey('other' as never)
          .deleteRule('restrict');
      return { entities: [other, target, entity('Row', { id: key(), parent })] };
    },
  ],
  [
    'a relation to several entities without a target',
    /"parent" leads to Parent, Other; give one of them as "target"/,
    () => severalEntities(),
  ],
  [
    'a target to which a relation does not lead',
    /"parent" leads to Parent, Other, and not to Third/,
    () => severalEntities({ target: entity('Third', { id: key() }) }),
  ],
  [
    'a target of a relation to another entity',
    /"parent" leads to Parent, and not to Row; leave "target" out/,
    () => {
      const [target, row] = pair(count());
      return { entities: [target, row], counter: { target: row } };
    },
  ],
  [
    'a way through a relation to several entities',
    /"parent" leads to several entities, through which nothing is counted/,
    () => severalEntities({ by: 'parent.other' }),
  ],
  [
    'a row of a relation to several entities whose own counts are summed',
    /Row.parent → amount counts rows by a relation to several entities.*is summed by another/,
    () => {
      const board = entity('Board', { id: key(), notes: count() });
      const one = () => p.manyToOne(board).deleteRule('restrict');
      const { entities } = severalEntities({}, {}, { board: one, notes: count() });
      const [target, , row] = entities as { class: EntityClass<object> }[];
      const note = entity('Note', { id: key(), row: () => p.manyToOne(row as never).deleteRule('restrict') });
      return {
        entities: [board, note, ...entities],
        counter: { target: target!.class },
        others: [
          { counted: (note as unknown as { class: EntityClass<object> }).class, by: 'row', into: 'notes' },
          { counted: (note as unknown as { class: EntityClass<object> }).class, by: 'row.board', into: 'notes' },
        ],
      };
    },
  ],
  [
    'a target of a relation to several entities that the database takes away',
    /no foreign key of the database keeps the targets.*by the delete rule.*deleteRule: 'restrict'/,
    () => {
      const home = entity('Home', { id: key() });
      const home1 = () => p.manyToOne(home).deleteRule('cascade');
      const [target, ...rest] = severalEntities({}, { home: home1 }).entities;
      return {
        entities: [home, target, ...rest],
        counter: { target: (target as { class: EntityClass<object> }).class },
      };
    },
  ],
  [
    'a relation through another entity',
    /"parent" has no column that the application writes/,
    () => {
      const [target] = pair(count());
      const row: EntityClass<object> = entity('Row', {
        id: key(),
        parent: () =>
          p
            .manyToOne(target)
            .through(() => between)
            .nullable(),
      });
      const between: EntityClass<object> = entity('Between', {
        id: key(),
        parent: () => p.manyToOne(target),
        row: () => p.manyToOne(row),
      });
      return { entities: [target, between, row] };
    },
  ],
  [
    'the other side of a relation',
    /"rows" is the other side of a relation; count Row rows by "parent"/,
    () => {
      const target: EntityClass<object> = entity('Parent', {
        id: key(),
        rows: () => p.oneToMany(row).mappedBy('parent' as never),
      });
      const row: EntityClass<object> = entity('Row', { id: key(), amount: count(), parent: () => p.manyToOne(target) });
      return { entities: [row, target], counter: { by: 'rows' } };
    },
  ],
  [
    'the other side of a one-to-one relation',
    /"row" is the other side of a relation; count Row rows by "parent"/,
    () => {
      const target: EntityClass<object> = entity('Parent', {
        id: key(),
        row: () => p.oneToOne(row).mappedBy('parent' as never),
      });
      const row: EntityClass<object> = entity('Row', {
        id: key(),
        amount: count(),
        parent: () => p.oneToOne(target).owner(),
      });
      return { entities: [row, target], counter: { by: 'row' } };
    },
  ],
  [
    'a many-to-many collection',
    /"parents" is a collection.*with an entity that pivotEntity names/,
    () => {
      const [target] = pair(count());
      return {
        entities: [target, entity('Row', { id: key(), parents: () => p.manyToMany(target) })],
        counter: { by: 'parents' },
      };
    },
  ],
  [
    'a relation in JSON',
    /"part~parent" is stored in JSON/,
    () => {
      const [target] = pair(count());
      const part = entity(
        'Part',
        { parent: () => p.manyToOne(target).nullable() },
        { embeddable: true, tableName: undefined },
      );
      return {
        entities: [target, part, entity('Row', { id: key(), part: () => p.embedded(part).object() })],
        counter: { by: 'part~parent' },
      };
    },
  ],
  [
    'an embeddable',
    /Part is a part of other entities/,
    () => {
      const [target] = pair(count());
      return {
        entities: [
          target,
          entity('Part', { parent: () => p.manyToOne(target) }, { embeddable: true, tableName: undefined }),
        ],
      };
    },
  ],
  [
    'a view',
    /Row is a view/,
    () => {
      const [target, row] = pair(count());
      const expression = 'select 1 as id, 1 as parent_id';
      const view = entity(
        'Row',
        (row as unknown as { properties: object }).properties ?? { id: key(), parent: () => p.manyToOne(target) },
        { view: true, expression },
      );
      return { entities: [target, view] };
    },
  ],
  [
    'a virtual entity',
    /Row is virtual/,
    () => {
      const [target] = pair(count());
      return {
        entities: [
          target,
          entity(
            'Row',
            { id: p.integer(), parent: () => p.manyToOne(target) },
            { expression: 'select 1 as id', tableName: undefined },
          ),
        ],
      };
    },
  ],
  [
    'a target that is a view',
    /Parent is a view/,
    () => ({ entities: pair(count(), { view: true, expression: 'select 1' }) }),
  ],
  [
    'a stored count that only one type of its table has',
    /"amount" is null in those rows.*declare it in Parent/,
    () => {
      const target = entity('Parent', { id: key() }, { discriminatorColumn: 'type', discriminatorValue: 'a' });
      const type = entity('Type', { amount: count() }, { extends: target, discriminatorValue: 'b' });
      const row = entity('Row', { id: key(), parent: () => p.manyToOne(type).deleteRule('restrict') });
      return { entities: [target, type, row] };
    },
  ],
  [
    'a relation with another column in another type of the table',
    /"parent" has the column other_id in another entity.*the same column/,
    () => {
      const [target] = pair(count());
      const relation = () => p.manyToOne(target).deleteRule('restrict').nullable();
      const base = entity('Base', { id: key() }, { discriminatorColumn: 'type', discriminatorValue: 'a' });
      const properties = { parent: () => relation().joinColumn('other_id') };
      const type = entity('Type', properties, { extends: base, discriminatorValue: 'b' });
      return {
        entities: [target, base, type, entity('Row', { parent: relation }, { extends: base, discriminatorValue: 'c' })],
      };
    },
  ],
  [
    'a row whose type is a number',
    /Row has "type" for its type, which is not a text/,
    () => {
      const [target] = pair(count());
      const properties = { id: key(), type: p.integer(), parent: () => p.manyToOne(target).deleteRule('restrict') };
      return {
        entities: [target, entity('Row', properties, { discriminatorColumn: 'type', discriminatorValue: 1 })],
      };
    },
  ],
];

describe('a counter with a mapping that cannot be counted', () => {
  it.each(refused)('%s fails with COUNTER_DECLARATION when the ORM starts', async (_name, problem, declared) => {
    let thrown: unknown;
    try {
      await start(declared());
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'COUNTER_DECLARATION', message: expect.stringMatching(problem) });
  });

  it('two relations with one column fail with COUNTER_DECLARATION', async () => {
    const target = entity('Parent', { id: key(), amount: count(), other: count() });
    const relation = () => p.manyToOne(target).deleteRule('restrict').joinColumn('parent_id');
    const row = entity('Row', { id: key(), one: relation, two: relation });
    const counters = [
      { counted: row, by: 'one', into: 'amount' },
      { counted: row, by: 'two', into: 'other' },
    ];
    const options = { discovery: { checkDuplicateFieldNames: false } };
    await expect(
      schemaOptions('sqlite::memory:', { entities: [target, row], counters, options }).then(
        given => new MikroORM(given as never),
      ),
    ).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringMatching(/"one" and "two", which have the same column parent_id/),
    });
  });

  it('a condition on a relation to a unique column fails with COUNTER_DECLARATION', async () => {
    const [target] = pair(count());
    const row = entity('Row', {
      id: key(),
      parent: () => p.manyToOne(target).deleteRule('restrict'),
      other: () => p.manyToOne(target).referenceColumnName('code').joinColumn('other_code').nullable(),
    });
    await expect(start({ entities: [target, row], counter: { where: { other: 1 } } })).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringContaining('does not refer to the primary key'),
    });
  });
});
