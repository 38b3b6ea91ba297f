import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkStrategy, installTriggers, removeTriggers, triggerStatus } from '../../src/counters/index.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import { describeOnEach, freshUrl } from '../support/databases.js';

describeOnEach('the strategy of the counters', kind => {
  let hooks: Database;
  let triggers: Database;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const fresh = freshUrl(kind);
    hooks = await openDatabase(fresh.url, 'hooks');
    triggers = await openDatabase(fresh.url, 'triggers');
    await hooks.migrator.up();
    drop = async () => {
      await hooks.close(true);
      await triggers.close(true);
      await fresh.drop();
    };
  });

  afterEach(() => drop());

  it('"hooks" fits a database without triggers, and "triggers" one with all of them', async () => {
    await checkStrategy(hooks.em);
    await expect(checkStrategy(triggers.em)).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
    expect((await installTriggers(triggers.em)).created).toHaveLength(kind === 'sqlite' ? 3 : 6);
    await checkStrategy(triggers.em);
    await expect(checkStrategy(hooks.em)).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
  });

  it('installing a second time changes nothing', async () => {
    const { created } = await installTriggers(hooks.em);
    expect(await installTriggers(hooks.em)).toEqual({ created: [], dropped: [] });
    expect(await triggerStatus(hooks.em)).toEqual({ present: created, missing: [], different: [], superfluous: [] });
  });

  it('a trigger that is missing or does something else is seen, and put right', async () => {
    const [first, second] = (await installTriggers(hooks.em)).created;
    const connection = hooks.em.getConnection();
    await connection.execute(`drop trigger ${first}`, [], 'run');
    await connection.execute(`drop trigger ${second}`, [], 'run');
    const event = second!.endsWith('before_insert') ? 'before insert' : second!.split('_').slice(-2).join(' ');
    await connection.execute(`create trigger ${second} ${event} on core_enrollments for each row begin update core_course set title = title where id = 0; end`, [], 'run');
    expect(await triggerStatus(hooks.em)).toMatchObject({ missing: [first], different: [second] });
    await expect(checkStrategy(triggers.em)).rejects.toThrow(second);
    expect(await installTriggers(hooks.em)).toEqual({ created: [first, second], dropped: [] });
    await checkStrategy(triggers.em);
  });

  it('dropping the triggers leaves none behind', async () => {
    const { created } = await installTriggers(hooks.em);
    expect(await removeTriggers(hooks.em)).toEqual(created);
    await checkStrategy(hooks.em);
    expect(await removeTriggers(hooks.em)).toEqual([]);
  });
});
