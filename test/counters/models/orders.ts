import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'vitest';
import { defineCounter, verify } from 'mikro-orm-counters';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const OrderSchema = defineEntity({
  name: 'Order',
  tableName: 'orders',
  properties: {
    id: p.integer().primary(),
    lineCount: p.integer().unsigned().default(0),
    /** Of signed decimals. */
    total: p.decimal().precision(12).scale(2).default(0),
    /** Of those that are paid, with more decimals than the amounts have. */
    paid: p.decimal().precision(13).scale(3).default(0),
    /** Of whole numbers that are never negative. */
    pieces: p.integer().unsigned().default(0),
    /** Of bigints. */
    weight: p.bigint().default(0),
    weightText: p.bigint('string').default(0),
    weightNumber: p.bigint('number').default(0),
    totalNumber: p.decimal('number').precision(12).scale(2).default(0),
  },
});
/** A target of counts and sums. */
export class Order extends OrderSchema.class {}
OrderSchema.setClass(Order);

const OrderLineSchema = defineEntity({
  name: 'OrderLine',
  tableName: 'order_line',
  properties: {
    id: p.integer().primary(),
    order: () => p.manyToOne(Order).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    amount: p.decimal().precision(10).scale(2).nullable(),
    pieces: p.integer().unsigned().default(1),
    weight: p.bigint().nullable(),
    paid: p.boolean().default(false),
  },
});
/** A row with an amount of each kind. */
export class OrderLine extends OrderLineSchema.class {}
OrderLineSchema.setClass(OrderLine);

/** Orders and their lines. */
export const orders: SchemaOptions = {
  entities: [Order, OrderLine],
  counters: [
    defineCounter({ counted: OrderLine, by: 'order', into: 'lineCount' }),
    defineCounter({ counted: OrderLine, by: 'order', into: 'total', sum: 'amount' }),
    defineCounter({ counted: OrderLine, by: 'order', into: 'paid', sum: 'amount', where: { paid: true } }),
    defineCounter({ counted: OrderLine, by: 'order', into: 'pieces', sum: 'pieces' }),
    defineCounter({ counted: OrderLine, by: 'order', into: 'weight', sum: 'weight' }),
    defineCounter({ counted: OrderLine, by: 'order', into: 'weightText', sum: 'weight' }),
    defineCounter({ counted: OrderLine, by: 'order', into: 'weightNumber', sum: 'weight', where: { paid: true } }),
    defineCounter({ counted: OrderLine, by: 'order', into: 'totalNumber', sum: 'amount' }),
  ],
};

/** The sums of an order as its rows give them, in hundredths and whole numbers. */
interface Sums {
  lineCount: bigint;
  total: bigint;
  paid: bigint;
  pieces: bigint;
  weight: bigint;
  paidWeight: bigint;
}

/** Returns a decimal in hundredths. */
export function hundredths(value: unknown): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value))!;
  if (/[1-9]/.test(fraction.slice(2))) throw new Error(`${String(value)} has more than two decimals.`);
  return BigInt(`${sign}${whole}${fraction.slice(0, 2).padEnd(2, '0')}`);
}

/**
 * Asserts that every order stores exactly what its rows add up to. They are added here, row by row, with the values as
 * texts, so that neither a database nor a driver rounds them.
 */
export async function expectExactOrders(schema: Schema): Promise<void> {
  const text = ['sqlite', 'postgresql'].includes(schema.kind) ? 'text' : 'char';
  const rows = await schema.rows(
    `select order_id as o, cast(amount as ${text}) as amount, pieces, cast(weight as ${text}) as weight, paid from order_line`,
  );
  const expected = new Map<unknown, Sums>();
  for (const row of rows) {
    if (row['o'] === null) continue;
    const sums = expected.get(row['o']) ?? {
      lineCount: 0n,
      total: 0n,
      paid: 0n,
      pieces: 0n,
      weight: 0n,
      paidWeight: 0n,
    };
    expected.set(row['o'], sums);
    const isPaid = Number(row['paid']) === 1;
    const [amount, weight] = [hundredths(row['amount'] ?? '0'), BigInt((row['weight'] ?? '0') as string)];
    sums.lineCount += 1n;
    sums.total += amount;
    sums.paid += isPaid ? amount : 0n;
    sums.pieces += BigInt(row['pieces'] as number);
    sums.weight += weight;
    sums.paidWeight += isPaid ? weight : 0n;
  }
  const columns = ['line_count', 'total', 'paid', 'pieces', 'weight', 'weight_text', 'weight_number', 'total_number'];
  const stored = await schema.rows(
    `select id, ${columns.map(column => `cast(${column} as ${text}) as ${column}`).join(', ')} from orders`,
  );
  for (const row of stored) {
    const zero = { lineCount: 0n, total: 0n, paid: 0n, pieces: 0n, weight: 0n, paidWeight: 0n };
    const { paidWeight, ...sums } = expected.get(row['id']) ?? zero;
    const found = {
      lineCount: BigInt(row['line_count'] as string),
      total: hundredths(row['total']),
      paid: hundredths(row['paid']),
      pieces: BigInt(row['pieces'] as string),
      weight: BigInt(row['weight'] as string),
      weightText: BigInt(row['weight_text'] as string),
      weightNumber: BigInt(row['weight_number'] as string),
      totalNumber: hundredths(row['total_number']),
    };
    expect(found, `order ${String(row['id'])}`).toEqual({
      ...sums,
      weightText: sums.weight,
      weightNumber: paidWeight,
      totalNumber: sums.total,
    });
  }
  const chunks = await Array.fromAsync(verify(schema.em(), Order));
  expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
}

/** Adds orders without lines and returns their ids, ascending. */
export async function addOrders(schema: Schema, amount: number): Promise<number[]> {
  const em = schema.em();
  const all = Array.from({ length: amount }, () => em.create(Order, {}));
  await em.flush();
  return all.map(({ id }) => id);
}
