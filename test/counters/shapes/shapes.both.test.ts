import { wrap } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere, insertMany, recountAll, updateWhere, verify } from 'mikro-orm-counters';
import { describe, expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { expectExact } from '../../support/exact-counts.js';
import { useSchema } from '../../support/schema.js';
import { newTarget, shapes, shapesModel } from '../models/shapes.js';

describeOnEngineDatabases('a counter of', kind => {
  const schema = useSchema(kind, shapesModel);

  describe.each(shapes.map(shape => [shape.name, shape] as const))('%s', (_name, shape) => {
    const { counted, target, row, stored } = shape;
    const exact = (): Promise<void> => expectExact(schema, stored);
    const inOrder = { orderBy: { id: 'asc' } as never, populate: (shape.lazy ?? []) as never };
    const shown = (one: object): number => shape.shown(one as never);

    /** Returns the counted rows of a new entity manager with them, in the order in which they were made. */
    async function rows() {
      const em = schema.em();
      return { em, found: await em.find(counted, {}, { orderBy: { id: 'asc' } as never }) };
    }

    async function targets(amount: number) {
      const em = schema.em();
      const made = Array.from({ length: amount }, () => newTarget(em, shape));
      await em.flush();
      return { em, made };
    }

    it('rows are counted that are created, moved and removed by flushes', async () => {
      const { em, made } = await targets(3);
      for (const one of made.slice(0, 2)) em.create(counted, row(one) as never);
      await em.flush();
      await exact();
      expect(made.map(shown)).toEqual([1, 1, 0]);
      const first = await rows();
      const [, , to] = await first.em.find(target, {}, inOrder);
      wrap(first.found[1]!).assign(row(to!) as never, { em: first.em });
      await first.em.flush();
      await exact();
      const last = await rows();
      expect((await last.em.find(target, {}, inOrder)).map(shown)).toEqual([1, 0, 1]);
      for (const one of last.found) last.em.remove(one);
      await last.em.flush();
      await exact();
    });

    it('rows are counted that are created in one flush with their target, and not after a rollback', async () => {
      const create = async (em: SqlEntityManager): Promise<object> => {
        const one = newTarget(em, shape);
        if (shape.needsKey) await em.flush();
        em.create(counted, row(one) as never);
        await em.flush();
        return one;
      };
      expect(shown(await create(schema.em()))).toBe(1);
      await exact();
      const rolledBack = schema.em();
      await rolledBack.begin();
      const one = await create(rolledBack);
      await rolledBack.rollback();
      expect(shown(one)).toBe(0);
      await exact();
    });

    it('bulk writes are counted', async () => {
      const { em, made } = await targets(3);
      expect(await insertMany(em, counted, made.slice(0, 2).map(row) as never)).toBe(2);
      await exact();
      expect(made.map(shown)).toEqual([1, 1, 0]);
      const { found } = await rows();
      const moved = { id: (found[1] as { id: number }).id } as never;
      expect(await updateWhere(em, counted, moved, row(made[2]!) as never)).toBe(1);
      await exact();
      expect(made.map(shown)).toEqual([1, 0, 1]);
      expect(await deleteWhere(em, counted, {})).toBe(2);
      await exact();
      expect(made.map(shown)).toEqual([0, 0, 0]);
    });

    it('verify finds what other programs leave, and a recount repairs it', async () => {
      const { em, made } = await targets(2);
      await insertMany(em, counted, [row(made[0]!)] as never);
      await schema.write(`update ${stored.target} set ${stored.column} = 5`);
      const drifts = [];
      for await (const chunk of verify(schema.em(), target)) drifts.push(...chunk.drifts);
      expect(drifts.map(({ stored: before, actual }) => [Number(before), actual])).toEqual([
        [5, 1],
        [5, 0],
      ]);
      await recountAll(schema.em(), { only: [drifts[0]!.counter] });
      await exact();
    });
  });
});
