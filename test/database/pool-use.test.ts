import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { poolUse, type PoolUse } from '../../src/database/connections/pool-use.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { holdConnections } from '../support/held-connections.js';

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

  it('the use of connections counts those that are taken, those that are idle and the waiting callers', async () => {
    const { most } = await poolUse(opened.database);
    expect(most).toBe(kind === 'sqlite' ? 6 : 20);
    // One is reserved for the readiness check, and on a server one for the look-up of viewers.
    const taken = kind === 'sqlite' ? 5 : 18;
    const release = await holdConnections(opened.database);
    expect(await poolUse(opened.database)).toEqual({ active: taken, idle: 0, waiting: 0, most });

    const others = Array.from({ length: 3 }, () => opened.database.em.fork());
    const begun = others.map(em => em.begin());
    const reading = opened.database.em.getConnection().execute('select 1');
    expect(await until(({ waiting }) => waiting === 4)).toEqual({ active: taken, idle: 0, waiting: 4, most });

    await release();
    for (const [index, em] of others.entries()) {
      await begun[index];
      await em.rollback();
    }
    await reading;
    // On a server, the callers that waited have opened connections.
    expect(await until(({ active }) => active === 0)).toEqual({
      active: 0,
      idle: kind === 'sqlite' ? taken : 4,
      waiting: 0,
      most,
    });
  });
});
