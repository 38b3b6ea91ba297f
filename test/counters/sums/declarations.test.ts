import { defineEntity, p, type EntityClass } from '@mikro-orm/core';
import { MySqlDriver } from '@mikro-orm/mysql';
import { MikroORM } from '@mikro-orm/sql';
import { describe, expect, it } from 'vitest';
import { defineCounter, withCounters, type Counter } from 'mikro-orm-counters';
import { schemaOptions } from '../../support/schema.js';

const BasketSchema = defineEntity({
  name: 'Basket',
  properties: {
    id: p.integer().primary(),
    whole: p.integer().default(0),
    small: p.smallint().default(0),
    big: p.bigint().default(0),
    unsigned: p.integer().unsigned().default(0),
    cents: p.decimal().precision(10).scale(2).default(0),
    mills: p.decimal().precision(12).scale(3).default(0),
    long: p.decimal().precision(20).scale(2).default(0),
    longNumber: p.decimal('number').precision(16).scale(2).default(0),
    real: p.float().default(0),
    double: p.double().default(0),
    text: p.string().default('0'),
    five: p.decimal().precision(10).scale(2).default('5.00'),
    maybe: p.decimal().precision(10).scale(2).nullable(),
  },
});
class Basket extends BasketSchema.class {}
BasketSchema.setClass(Basket);

const ItemSchema = defineEntity({
  name: 'Item',
  properties: {
    id: p.integer().primary(),
    basket: () => p.manyToOne(Basket).deleteRule('restrict').updateRule('restrict'),
    whole: p.integer(),
    big: p.bigint(),
    unsigned: p.integer().unsigned(),
    cents: p.decimal().precision(10).scale(2),
    mills: p.decimal().precision(10).scale(3),
    real: p.float(),
    double: p.double(),
    text: p.string(),
    flag: p.boolean(),
    date: p.datetime(),
    kind: p.enum([1, 2]),
    version: p.integer().version(),
    transient: p.integer().persist(false),
    itemCount: p.integer().default(0),
    parent: () => p.manyToOne(Item).nullable().deleteRule('restrict').updateRule('restrict'),
  },
});
class Item extends ItemSchema.class {}
ItemSchema.setClass(Item);

const entities: EntityClass<object>[] = [Basket, Item];

async function start(...counters: Counter[]): Promise<MikroORM> {
  return new MikroORM((await schemaOptions('sqlite::memory:', { entities, counters })) as never);
}

/** Starts an ORM of MySQL, without a server. */
function startOnMySql(...counters: Counter[]): MikroORM {
  return new MikroORM(withCounters({ driver: MySqlDriver, dbName: 'none', entities }, counters) as never);
}

const summing = (sum: string, into: string): Counter => ({ counted: Item, by: 'basket', into, sum });

describe('a sum that cannot be exact', () => {
  it.each([
    ['real', 'mills', /"real" has the type real; only whole numbers and decimals/],
    ['double', 'mills', /"double" has the type double/],
    ['text', 'cents', /"text" has the type text/],
    ['flag', 'cents', /"flag" has the type/],
    ['date', 'cents', /"date" has the type/],
    ['kind', 'whole', /"kind" has the type/],
    ['version', 'whole', /"version" cannot be summed: .*version/],
    ['transient', 'whole', /"transient" cannot be summed: .*no column/],
    ['basket', 'whole', /no column property "basket"/],
    ['nothing', 'whole', /Item has no column property "nothing"/],
    ['whole', 'real', /"real" has the type real, to which nothing can be added exactly; give it the type "integer"/],
    ['whole', 'double', /"double" has the type double/],
    ['whole', 'text', /"text" has values of the type string/],
    ['whole', 'maybe', /"maybe" may be null/],
    ['cents', 'five', /"five" has the default 5.00.*default 0/],
    ['mills', 'cents', /"mills" has 3 decimals and "cents" has 2, so that a sum would be rounded/],
    ['cents', 'whole', /"cents" has 2 decimals and "whole" has 0/],
    ['big', 'cents', /"cents" of the type numeric\(10,2\) is too small for a single "big" of the type bigint/],
    ['whole', 'unsigned', /"unsigned" is unsigned, and "whole" may be negative/],
    ['cents', 'long', /"long" has 20 digits, of which this database keeps 15 exactly/],
    ['cents', 'longNumber', /"longNumber" has 16 digits/],
  ])('a sum of %s into %s is refused when the ORM starts', async (sum, into, problem) => {
    await expect(start(summing(sum, into))).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringMatching(problem),
    });
  });

  it.each([
    ['big', 'whole', /"whole" of the type int is too small for a single "big" of the type bigint/],
    ['whole', 'small', /"small" of the type smallint is too small for a single "whole" of the type int/],
    ['unsigned', 'whole', /"whole" of the type int is too small for a single "unsigned" of the type int/],
    ['cents', 'longNumber', /"longNumber" is a number in JavaScript, which has 15 of its 16 digits/],
  ])(
    'a sum of %s into %s is refused when the ORM starts on a database whose types have bounds',
    (sum, into, problem) => {
      expect(() => startOnMySql(summing(sum, into))).toThrow(problem);
    },
  );

  it.each([
    ['cents', 'mills'],
    ['mills', 'mills'],
    ['cents', 'cents'],
    ['whole', 'big'],
    ['unsigned', 'unsigned'],
  ])('a sum of %s into %s is accepted', async (sum, into) => {
    expect(await start(summing(sum, into))).toBeDefined();
    expect(startOnMySql(summing(sum, into))).toBeDefined();
  });

  it('a sum of a stored count is refused, because nobody would sum its row again', async () => {
    const counters = [
      defineCounter({ counted: Item, by: 'parent', into: 'itemCount' }),
      defineCounter({ counted: Item, by: 'basket', into: 'whole', sum: 'itemCount' }),
    ];
    await expect(start(...counters)).rejects.toThrow(/Item.basket → whole sums item_count.*stored count/);
  });

  it('wrong properties do not compile', () => {
    const declared = [
      defineCounter({ counted: Item, by: 'basket', into: 'cents', sum: 'cents' }),
      defineCounter({ counted: Item, by: 'basket', into: 'big', sum: 'whole' }),
      // @ts-expect-error: a boolean is no number.
      defineCounter({ counted: Item, by: 'basket', into: 'cents', sum: 'flag' }),
      // @ts-expect-error: nor is a date.
      defineCounter({ counted: Item, by: 'basket', into: 'cents', sum: 'date' }),
      // @ts-expect-error: nor is a relation.
      defineCounter({ counted: Item, by: 'basket', into: 'cents', sum: 'parent' }),
      // @ts-expect-error: the target has the sum, and no "itemCount".
      defineCounter({ counted: Item, by: 'basket', into: 'itemCount', sum: 'whole' }),
      // @ts-expect-error: a counted row has no "five".
      defineCounter({ counted: Item, by: 'basket', into: 'cents', sum: 'five' }),
    ];
    expect(declared[0]).toEqual({ counted: Item, by: 'basket', into: 'cents', sum: 'cents', where: {} });
  });
});
