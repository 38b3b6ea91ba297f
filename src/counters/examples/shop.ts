/**
 * A shop on SQLite: orders that store what their lines add up to, how much of that is paid, and how many pieces they
 * have. It creates, changes, pays, moves and cancels lines, and prints the stored sums after each step.
 *
 * Run it with Node 24 beside MikroORM: `npm install mikro-orm-counters @mikro-orm/core @mikro-orm/sql kysely`, then
 * `node shop.ts`.
 */
import { defineEntity, MikroORM, NodeSqliteDialect, p, raw, SqliteDriver } from '@mikro-orm/sql';
import {
  CounterError,
  defineCounter,
  exactDifference,
  insertMany,
  recountAll,
  updateWhere,
  verify,
  withCounters,
} from 'mikro-orm-counters';

const OrderSchema = defineEntity({
  name: 'Order',
  tableName: 'orders',
  properties: {
    id: p.integer().primary(),
    customer: p.string(),
    lineCount: p.integer().unsigned().default(0),
    // Signed: discounts are negative amounts. As many decimals as the amounts have, and more digits.
    total: p.decimal().precision(12).scale(2).default(0),
    paid: p.decimal().precision(12).scale(2).default(0),
    pieces: p.integer().unsigned().default(0),
  },
});
class Order extends OrderSchema.class {}
OrderSchema.setClass(Order);

const OrderLineSchema = defineEntity({
  name: 'OrderLine',
  properties: {
    id: p.integer().primary(),
    order: () => p.manyToOne(Order).deleteRule('restrict'),
    // Nothing, while the price is not known.
    amount: p.decimal().precision(10).scale(2).nullable(),
    pieces: p.integer().unsigned().default(1),
    paid: p.boolean().default(false),
    cancelled: p.boolean().default(false),
  },
});
class OrderLine extends OrderLineSchema.class {}
OrderLineSchema.setClass(OrderLine);

// All four share one UPDATE.
const counters = [
  defineCounter({ counted: OrderLine, by: 'order', into: 'lineCount', where: { cancelled: false } }),
  defineCounter({ counted: OrderLine, by: 'order', into: 'total', sum: 'amount', where: { cancelled: false } }),
  defineCounter({
    counted: OrderLine,
    by: 'order',
    into: 'paid',
    sum: 'amount',
    where: { cancelled: false, paid: true },
  }),
  defineCounter({ counted: OrderLine, by: 'order', into: 'pieces', sum: 'pieces', where: { cancelled: false } }),
];

const options = {
  driver: SqliteDriver,
  driverOptions: new NodeSqliteDialect(':memory:'),
  dbName: ':memory:',
  entities: [Order, OrderLine],
};
const orm = await MikroORM.init(withCounters(options, counters));
await orm.schema.create();

/** Prints what a step did and the sums that are stored now. */
async function print(step: string): Promise<void> {
  const orders = await orm.em.fork().find(Order, {}, { orderBy: { id: 'asc' } });
  const sums = orders.map(
    ({ customer, lineCount, total, paid, pieces }) => `${customer} ${lineCount}: ${total} (${paid}), ${pieces} pieces`,
  );
  console.log(`${step}. ${sums.join('; ')}`);
}

// Create: ten times 0.10 is 1, and not 0.9999999999999999.
const em = orm.em.fork();
const ada = em.create(Order, { customer: 'Ada' });
const ben = em.create(Order, { customer: 'Ben' });
for (let index = 0; index < 10; index += 1) em.create(OrderLine, { order: ada, amount: '0.10' });
const book = em.create(OrderLine, { order: ada, amount: null, pieces: 2 });
await em.flush();
await print('Created two orders');

// Change: the price becomes known, the line is paid, and goes to another order.
book.amount = '19.90';
await em.flush();
await print('Priced a line');
book.paid = true;
await em.flush();
await print('Paid it');
book.order = ben;
await em.flush();
console.log(`In memory, Ben's total is ${ben.total}`);
await print('Moved it to the other order');

// Many rows at once; what the database computes is summed as it is stored.
await insertMany(em, OrderLine, [
  { order: ben.id, amount: '-5.00', pieces: 0 },
  { order: ben.id, amount: '7.25', pieces: 3 },
]);
await print('Inserted a discount and another line');
await updateWhere(em, OrderLine, { order: ben.id }, { amount: raw('round(amount * 2, 2)') });
await print('Doubled the amounts');
await updateWhere(em, OrderLine, { order: ada.id }, { cancelled: true });
await print('Cancelled all lines of an order');

// A sum is the engine's, as a count is.
ben.total = '0.00';
try {
  await em.flush();
} catch (error) {
  if (!(error instanceof CounterError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}

// SQL of another program is not seen: verify finds what it has left, exactly, and recount repairs it.
const other = orm.em.fork();
await other.execute('update order_line set amount = amount + 0.01 where order_id = 2');
for await (const { drifts } of verify(other, Order))
  for (const { counter, stored, actual } of drifts)
    console.log(`${counter} is ${stored}, but the rows add up to ${actual}: ${exactDifference(stored, actual)}`);
const { repaired } = await recountAll(other);
await print(`Repaired ${repaired} order`);
await orm.close();
