import { defineEntity, p, type EntityClass } from '@mikro-orm/core';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MikroORM } from '@mikro-orm/sql';
import { describe, expect, it } from 'vitest';
import { defineCounter, withCounters, type Counter } from 'mikro-orm-counters';
import { schemaOptions } from '../../support/schema.js';
import {
  Cascading,
  Child,
  ElsewhereCascading,
  entities,
  ImpliedCascade,
  ImpliedNull,
  Shade,
} from '../models/declared.js';

async function start(...counters: Counter[]): Promise<MikroORM> {
  return new MikroORM(
    (await schemaOptions('sqlite::memory:', {
      entities,
      counters,
      options: { discovery: { checkDuplicateFieldNames: false } },
    })) as never,
  );
}

/** Returns a declaration as plain JavaScript could write it. */
function loose(counted: EntityClass<object>, by: string, into: string, where: Counter['where'] = {}): Counter {
  return { counted, by, into, where };
}

class Unknown {
  id!: number;
}

const wrong: [name: string, problem: RegExp, ...counters: Counter[]][] = [
  ['an entity that the ORM does not know', /not among the ORM's entities/, loose(Unknown, 'parent', 'amount')],
  ['a foreign key that is not there', /"father" must be a many-to-one/, loose(Child, 'father', 'amount')],
  ['a property that is no relation', /"text" must be a many-to-one/, loose(Child, 'text', 'amount')],
  ['a relation that is not persisted', /"shadow"/, loose(Child, 'shadow', 'amount')],
  ['a column that is not there', /no column property "total"/, loose(Child, 'parent', 'total')],
  ['a column of texts', /"name"/, loose(Child, 'parent', 'name')],
  ['a column that may be null', /"maybe"/, loose(Child, 'parent', 'maybe')],
  ['a column that is not persisted', /"transient"/, loose(Child, 'parent', 'transient')],
  ['a formula', /"computed"/, loose(Child, 'parent', 'computed')],
  ['a column with another default than 0', /"five" has the default 5.*default 0/, loose(Child, 'parent', 'five')],
  ['a column with a default in SQL', /"two" has the default \(1 \+ 1\)/, loose(Child, 'parent', 'two')],
  [
    'a column with a fragment of SQL for a default',
    /"three" has the default abs\(-3\)/,
    loose(Child, 'parent', 'three'),
  ],
  ['a column that onCreate fills', /"made" has a function for onCreate/, loose(Child, 'parent', 'made')],
  ['a column that onUpdate fills', /"remade" has a function for onUpdate/, loose(Child, 'parent', 'remade')],
  [
    'a column that another property writes',
    /"sharing" has the column.*persist: false/,
    loose(Child, 'parent', 'shared'),
  ],
  ['the key of the target', /"id"/, loose(Child, 'parent', 'id')],
  ['the version of the target', /"version"/, loose(Child, 'parent', 'version')],
  [
    'one column twice by one relation',
    /into Parent\.amount, both by "parent"; declare one, with \$or/,
    loose(Child, 'parent', 'amount'),
    loose(Child, 'parent', 'amount', { shade: 'light' }),
  ],
  [
    'a condition on a property that is not there',
    /"colour".*not a property/,
    loose(Child, 'parent', 'amount', { colour: 1 }),
  ],
  [
    'a condition on a property that is not persisted',
    /"transient"/,
    loose(Child, 'parent', 'amount', { transient: true }),
  ],
  ['a condition on a generated column', /"doubled"/, loose(Child, 'parent', 'amount', { doubled: 2 })],
  ['a condition on a type of its own', /"yes"/, loose(Child, 'parent', 'amount', { yes: true })],
  [
    'a condition on an enum by a value that it lacks',
    /"shade".*"dark"/,
    loose(Child, 'parent', 'amount', { shade: 'dark' }),
  ],
  ['rows that another foreign key removes', /"child".*"cascade"/, loose(ElsewhereCascading, 'parent', 'amount')],
  ['rows that a foreign key in their key removes by default', /"cascade"/, loose(ImpliedCascade, 'parent', 'amount')],
];

describe('a counter', () => {
  it.each(wrong)(
    'declaring a counter with %s throws COUNTER_DECLARATION when the ORM starts',
    async (_name, problem, ...counters) => {
      let thrown: unknown;
      try {
        await start(...counters);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({
        name: 'CounterError',
        code: 'COUNTER_DECLARATION',
        message: expect.stringMatching(problem),
        retryable: false,
      });
    },
  );

  it('an ORM with a valid counter starts', async () => {
    await expect(
      start(
        loose(Child, 'parent', 'amount'),
        loose(Child, 'parent', 'undefaulted'),
        loose(Child, 'parent', 'zero'),
        defineCounter({ counted: Child, by: 'parent', into: 'other', where: { shade: Shade.LIGHT } }),
      ),
    ).resolves.toBeDefined();
  });

  it('an ORM with counted rows that the database removes or sets free with their target starts', async () => {
    await expect(
      start(loose(Cascading, 'parent', 'amount'), loose(ImpliedNull, 'parent', 'other')),
    ).resolves.toBeDefined();
  });

  it('an ORM whose entities have no counter starts whatever they contain', async () => {
    await expect(start()).resolves.toBeDefined();
  });

  it.each([
    ['char(10)', 'text'],
    ['character(10)', 'character varying(10)'],
    ['bpchar', 'varchar(10)'],
  ])(
    'a counter on PostgreSQL with an enum in a column of the type %s throws COUNTER_DECLARATION, and of the type %s does not',
    (refused, accepted) => {
      const open = (columnType: string) => {
        const plan = defineEntity({
          name: 'Plan',
          tableName: 'plan',
          properties: { id: p.integer().primary(), taskCount: p.integer().default(0) },
        });
        const task = defineEntity({
          name: 'Task',
          tableName: 'task',
          properties: {
            id: p.integer().primary(),
            plan: () => p.manyToOne(plan).deleteRule('restrict'),
            shade: p.enum(() => Shade).columnType(columnType),
          },
        });
        const counters = [loose(task.class, 'plan', 'taskCount', { shade: Shade.LIGHT })];
        return () =>
          new MikroORM(
            withCounters({ driver: PostgreSqlDriver, dbName: 'none', entities: [plan, task] }, counters) as never,
          );
      };
      expect(open(refused)).toThrow(
        expect.objectContaining({
          code: 'COUNTER_DECLARATION',
          message: expect.stringContaining(`${refused}, which adds blanks`),
        }),
      );
      expect(open(accepted)).not.toThrow();
    },
  );
});
