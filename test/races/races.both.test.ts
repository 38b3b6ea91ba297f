import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnFirstThree, strategy } from '../support/databases.js';
import { clientsHere } from '../support/sql-clients.js';
import { openArena, type Arena } from './arena.js';
import { scenarios } from './scenarios.js';
import { sqlScripts } from './scenarios/sql-scripts.js';

const rounds = Number(process.env['RACE_ROUNDS'] ?? 2);

describeOnFirstThree(`races with ${strategy}, ${rounds} rounds each,`, kind => {
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
      let [operations, retries, conflicts, seen] = [0, 0, 0, 0];
      for (let round = 0; round < rounds; round += 1) {
        const race = await scenario.run(arena);
        expect(await arena.drifting()).toEqual([]);
        operations += race.results.length;
        retries += race.retries;
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
        conflicts,
        drift: 0,
      };
      expect(seen).toBe(0);
      if (scenario.plain) expect({ deadlocks, conflicts }).toEqual({ deadlocks: 0, conflicts: 0 });
      // On SQLite a transaction that waits too long for its turn to write is run again, which only shows how busy the
      // machine is.
      if (scenario.plain && kind !== 'sqlite') expect(retries).toBe(0);
    });
  }
});
