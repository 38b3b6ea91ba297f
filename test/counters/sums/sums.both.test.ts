import { raw } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { adjust, deleteWhere, insertMany, recount, recountAll, updateWhere, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addOrders, expectExactOrders, hundredths, Order, OrderLine, orders } from '../models/orders.js';

describeOnEngineDatabases('sums', kind => {
  const schema = useSchema(kind, orders);

  it('rows that are created, changed, moved and removed keep every sum', async () => {
    const [one, two] = await addOrders(schema, 2);
    const em = schema.em();
    const line = em.create(OrderLine, { order: one!, amount: '10.10', pieces: 3, weight: 5n });
    em.create(OrderLine, { order: one!, amount: '0.20', pieces: 0, paid: true, weight: -2n });
    em.create(OrderLine, { order: two!, amount: null, weight: null });
    await em.flush();
    await expectExactOrders(schema);
    line.amount = '-3.33';
    await em.flush();
    await expectExactOrders(schema);
    line.paid = true;
    line.weight = null;
    await em.flush();
    await expectExactOrders(schema);
    line.order = em.getReference(Order, two!, { wrapped: true });
    line.amount = '7.77';
    await em.flush();
    await expectExactOrders(schema);
    line.order = null;
    await em.flush();
    await expectExactOrders(schema);
    line.order = em.getReference(Order, one!, { wrapped: true });
    await em.flush();
    em.remove(line);
    await em.flush();
    await expectExactOrders(schema);
    const [{ total }] = (await schema.rows<{ total: unknown }>('select total from orders where id = ?', [one])) as [
      { total: unknown },
    ];
    expect(hundredths(total)).toBe(20n);
  });

  it('a new order with lines starts with their sums, and shows them', async () => {
    const em = schema.em();
    const order = em.create(Order, {});
    em.create(OrderLine, { order, amount: '0.10', pieces: 2, weight: 7n, paid: true });
    em.create(OrderLine, { order, amount: '0.20', pieces: 4, weight: 1n });
    await em.flush();
    await expectExactOrders(schema);
    const loaded = await schema.em().findOneOrFail(Order, order.id);
    expect({ ...order }).toEqual({ ...loaded });
    expect([loaded.lineCount, loaded.weight, loaded.weightText, loaded.weightNumber]).toEqual([2, 8n, '8', 7]);
    expect([loaded.pieces, loaded.totalNumber, hundredths(loaded.total)]).toEqual([6, 0.3, 30n]);
    expect(hundredths(loaded.paid)).toBe(10n);
  });

  it('a loaded order shows each sum as a fresh load does, and is not dirty', async () => {
    const [id] = await addOrders(schema, 1);
    const em = schema.em();
    const order = await em.findOneOrFail(Order, id!);
    for (const amount of ['10.50', '-0.25', '0.75', '10000000.01', '89.00']) {
      em.create(OrderLine, { order, amount, weight: 2n ** 50n, pieces: 2 });
      await em.flush();
      expect({ ...order }).toEqual({ ...(await schema.em().findOneOrFail(Order, id!)) });
    }
    em.getUnitOfWork().computeChangeSets();
    expect(em.getUnitOfWork().getChangeSets()).toEqual([]);
    const before = { ...order };
    await em
      .transactional(async inner => {
        inner.create(OrderLine, { order, amount: '1.00' });
        await inner.flush();
        throw new Error('undone');
      })
      .catch(() => undefined);
    expect({ ...order }).toEqual(before);
  });

  it('many small amounts add up without a rounding error', async () => {
    const [id] = await addOrders(schema, 1);
    for (let index = 0; index < 10; index += 1) {
      const em = schema.em();
      em.create(OrderLine, { order: id!, amount: '0.10', paid: true });
      em.create(OrderLine, { order: id!, amount: '0.70' });
      await em.flush();
    }
    await insertMany(
      schema.em(),
      OrderLine,
      Array.from({ length: 10 }, () => ({ order: id!, amount: '0.01' })),
    );
    const order = await schema.em().findOneOrFail(Order, id!);
    expect([Number(order.total), order.totalNumber, Number(order.paid)]).toEqual([8.1, 8.1, 1]);
    await expectExactOrders(schema);
  });

  it('sums that only bigints hold stay exact', async () => {
    const [id] = await addOrders(schema, 1);
    const em = schema.em();
    em.create(OrderLine, { order: id!, weight: 2n ** 53n + 1n });
    em.create(OrderLine, { order: id!, weight: 2n ** 61n });
    await em.flush();
    const [row] = await schema.rows<{ w: string }>(
      `select cast(weight as ${['sqlite', 'postgresql'].includes(kind) ? 'text' : 'char'}) as w from orders`,
    );
    expect(BigInt(row!.w)).toBe(2n ** 53n + 1n + 2n ** 61n);
    await expectExactOrders(schema);
  });

  it('bulk writes keep every sum, whatever they change', async () => {
    const [one, two] = await addOrders(schema, 2);
    const em = schema.em();
    const order = await em.findOneOrFail(Order, one!);
    await insertMany(em, OrderLine, [
      { order: one!, amount: '1.25', pieces: 1, weight: 3n },
      { order: one!, amount: '2.50', pieces: 2, weight: 4n, paid: true },
      { order: two!, amount: '3.75', pieces: 3 },
    ]);
    await expectExactOrders(schema);
    expect([hundredths(order.total), order.weight, order.weightNumber]).toEqual([375n, 7n, 4]);
    await updateWhere(schema.em(), OrderLine, { order: one! }, { amount: '9.99', paid: true });
    await expectExactOrders(schema);
    await updateWhere(schema.em(), OrderLine, { pieces: { $gt: 0 } }, { amount: raw('amount + 1.01'), order: two! });
    await expectExactOrders(schema);
    await updateWhere(schema.em(), OrderLine, { order: two! }, { weight: raw('pieces * 2'), order: one! });
    await expectExactOrders(schema);
    await deleteWhere(schema.em(), OrderLine, { paid: true });
    await expectExactOrders(schema);
    await deleteWhere(schema.em(), OrderLine, {});
    await expectExactOrders(schema);
  });

  it.each(['1.005', '-1.005', '2.675', '0.1', '1e1', '3'])(
    'the amount %s is summed as the column stores it',
    async amount => {
      const [id] = await addOrders(schema, 1);
      const em = schema.em();
      const line = em.create(OrderLine, { order: id!, amount: '5.00' });
      await em.flush();
      line.amount = amount;
      await em.flush();
      em.create(OrderLine, { order: id!, amount, paid: true });
      await em.flush();
      await updateWhere(schema.em(), OrderLine, { id: line.id }, { amount: '1.00' });
      await updateWhere(schema.em(), OrderLine, { id: line.id }, { amount });
      const chunks = await Array.fromAsync(verify(schema.em(), Order));
      expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
      await deleteWhere(schema.em(), OrderLine, {});
      await expectExactOrders(schema);
    },
  );

  it('verify tells drift as exact numbers, and a recount repairs it', async () => {
    const [id, other] = await addOrders(schema, 2);
    const em = schema.em();
    em.create(OrderLine, { order: id!, amount: '12.34', weight: 2n ** 52n, paid: true });
    em.create(OrderLine, { order: other!, amount: '1.00', weight: 1n });
    await em.flush();
    await schema.write(
      'update orders set total = 0.1, weight = 7, weight_text = 7, weight_number = 7, pieces = 9 where id = ?',
      [id],
    );
    const order = await em.findOneOrFail(Order, id!, { refresh: true });
    const chunks = await Array.fromAsync(verify(schema.em(), Order));
    const drifts = chunks
      .flatMap(chunk => chunk.drifts)
      .map(({ counter, stored, actual }) => [counter, stored, actual]);
    const shown = (decimal: string): string => (kind === 'sqlite' ? String(Number(decimal)) : decimal);
    expect(drifts).toEqual([
      ['Order.total', shown('0.10'), '12.34'],
      ['Order.pieces', 9, 1],
      ['Order.weight', 7n, 2n ** 52n],
      ['Order.weightText', '7', String(2n ** 52n)],
      ['Order.weightNumber', 7, 2 ** 52],
    ]);
    const changes = await em.transactional(inner => recount(inner, Order, [id!]));
    expect(changes!.map(({ counter, before, after }) => [counter, before, after])).toEqual(drifts);
    expect({ ...order }).toEqual({ ...(await schema.em().findOneOrFail(Order, id!)) });
    await expectExactOrders(schema);
    await schema.write('update orders set total = total + 1');
    expect(await recountAll(schema.em())).toMatchObject({ drifted: 2, repaired: 2 });
    await expectExactOrders(schema);
  });

  it('adjust adds exact numbers, in any form, and refuses those that a column does not hold', async () => {
    const [id] = await addOrders(schema, 1);
    const amounts = { 'Order.total': '-0.30', 'Order.weight': 2n ** 60n, 'Order.paid': 0.125, 'Order.pieces': 2 };
    const changes = await schema.em().transactional(em => adjust(em, Order, [id!], amounts));
    expect(changes!.map(({ counter, after }) => [counter, Number(after)])).toEqual([
      ['Order.total', -0.3],
      ['Order.paid', 0.125],
      ['Order.pieces', 2],
      ['Order.weight', 2 ** 60],
    ]);
    const refused = schema.em().transactional(em => adjust(em, Order, [id!], { 'Order.total': '0.001' }));
    await expect(refused).rejects.toThrow(/Order.total cannot be adjusted by "0.001".*2 decimals/);
    const below = schema.em().transactional(em => adjust(em, Order, [id!], { 'Order.pieces': -3 }));
    await expect(below).rejects.toMatchObject({ code: 'COUNTER_UNDERFLOW' });
  });

  it('a sum that is declared unsigned does not fall below 0', async () => {
    const [id] = await addOrders(schema, 1);
    const em = schema.em();
    const line = em.create(OrderLine, { order: id!, pieces: 5, amount: '-7.00' });
    await em.flush();
    await schema.write('update orders set pieces = 4');
    em.remove(line);
    // Triggers of SQLite, which has no unsigned columns, do not look.
    if (strategy === 'triggers' && kind === 'sqlite') return;
    const below = { code: 'COUNTER_UNDERFLOW', message: expect.stringContaining('Order.pieces') as unknown };
    await expect(em.flush()).rejects.toMatchObject(below);
    await expect(deleteWhere(schema.em(), OrderLine, { order: id! })).rejects.toMatchObject(below);
    const changed = updateWhere(schema.em(), OrderLine, { order: id! }, { pieces: 0 });
    // What MariaDB says of a trigger could be said of the row's own column as well.
    if (strategy === 'triggers' && kind === 'mariadb') await expect(changed).rejects.toThrow(/out of range/i);
    else await expect(changed).rejects.toMatchObject(below);
    expect(await schema.em().count(OrderLine)).toBe(1);
    await recountAll(schema.em());
  });

  it('an overflow is an error of the database, and undoes the write', async () => {
    const [id] = await addOrders(schema, 1);
    const em = schema.em();
    em.create(OrderLine, { order: id!, weight: 2n ** 62n, amount: '99999999.99' });
    await em.flush();
    const over = schema.em();
    over.create(OrderLine, { order: id!, weight: 2n ** 62n });
    await expect(over.flush()).rejects.toThrow(/overflow|out of range/i);
    await expect(
      insertMany(
        schema.em(),
        OrderLine,
        Array.from({ length: 100 }, () => ({ order: id!, amount: '99999999.99' })),
      ),
    ).rejects.toThrow(/overflow|out of range/i);
    await expectExactOrders(schema);
    // The driver of SQLite reads no such row.
    if (kind === 'sqlite') return;
    await expect(updateWhere(schema.em(), OrderLine, {}, { weight: raw('-weight - 2') })).resolves.toBe(1);
    await expectExactOrders(schema);
  });

  it('a sum belongs to the engine', async () => {
    const [id] = await addOrders(schema, 1);
    const em = schema.em();
    const order = await em.findOneOrFail(Order, id!);
    em.assign(order, { weight: 5n });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    const other = schema.em();
    other.create(Order, { total: '1.00' });
    await expect(other.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    const zero = schema.em();
    zero.create(Order, { total: '0.00', weight: 0n, weightText: '0', totalNumber: 0 });
    await zero.flush();
    const past = schema.em().nativeUpdate(OrderLine, {}, { amount: '1.00' });
    if (strategy === 'hooks')
      await expect(past).rejects.toThrow(/nativeUpdate\(\) on OrderLine would write past .*Order.total/);
    else await past;
    await expectExactOrders(schema);
  });
});
