import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { poolUse, type PoolUse } from '../../src/database/pool-use.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';

describeOnEach('the use of connections', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;

  beforeEach(async () => {
    opened = await freshDatabase(kind);
  });
  afterEach(() => opened.drop());

  async function until(reached: (use: PoolUse) => boolean): Promise<PoolUse> {
    for (;;) {
      const use = await poolUse(opened.database);
      if (reached(use)) return use;
      await setImmediate();
    }
  }

  it('counts those that are taken, those that are idle and those who wait', async () => {
    const { most } = await poolUse(opened.database);
    expect(most).toBe(kind === 'sqlite' ? 1 : 20);
    const held = Array.from({ length: most }, () => opened.database.em.fork());
    await Promise.all(held.map(em => em.begin()));
    expect(await poolUse(opened.database)).toEqual({ active: most, idle: 0, waiting: 0, most });

    const others = Array.from({ length: 3 }, () => opened.database.em.fork());
    const begun = others.map(em => em.begin());
    expect(await until(({ waiting }) => waiting === 3)).toEqual({ active: most, idle: 0, waiting: 3, most });

    for (const em of held) await em.rollback();
    for (const [index, em] of others.entries()) {
      await begun[index];
      await em.rollback();
    }
    expect(await until(({ active }) => active === 0)).toEqual({ active: 0, idle: most, waiting: 0, most });
  });
});
