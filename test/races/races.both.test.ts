import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnEach, strategy } from '../support/databases.js';
import { clientsHere } from '../support/sql-clients.js';
import { openArena, type Arena } from './arena.js';
import { scenarios } from './scenarios.js';
import { sqlScripts } from './scenarios/sql-scripts.js';

describeOnEach(`races with ${strategy}`, kind => {
  // Fewer where a round takes longest.
  const rounds = Number(process.env['RACE_ROUNDS'] ?? (kind === 'postgresql' ? 1 : 2));
  let arena: Arena;

  beforeAll(async () => {
    arena = await openArena(kind);
  });

  afterAll(async () => {
    await arena.stop();
  });

  for (const scenario of clientsHere(kind).length > 0 ? [...scenarios, ...sqlScripts] : scenarios) {
    it(`the race ${scenario.name} ends with drift 0, and every caller is told the truth`, async ({ task }) => {
      const before = await arena.deadlocks();
      let [operations, retries, lockWaits, conflicts, seen] = [0, 0, 0, 0, 0];
      for (let round = 0; round < rounds; round += 1) {
        const race = await scenario.run(arena);
        expect(await arena.drifting()).toEqual([]);
        operations += race.results.length;
        retries += race.retries;
        lockWaits += race.lockWaits;
        conflicts += race.results.filter(({ conflict }) => conflict).length;
        seen += race.results.filter(({ code }) => /DEADLOCK|RETRY_LATER/.test(code)).length;
      }
      const deadlocks = (await arena.deadlocks()) - before;
      task.meta.race = {
        scenario: scenario.name,
        database: kind,
        strategy,
        rounds,
        operations,
        'deadlocks seen by callers': seen,
        'deadlocks in the server': deadlocks,
        'run again': retries,
        'lock waits': lockWaits,
        conflicts,
        drift: 0,
      };
      expect(seen).toBe(0);
      if (scenario.plain) expect({ deadlocks, conflicts, retries }).toEqual({ deadlocks: 0, conflicts: 0, retries: 0 });
    });
  }
});
