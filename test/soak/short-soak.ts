import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeAmong } from '../support/describe-among.ts';
import { programOf } from '../support/server.ts';
import type { Kind } from './database.ts';
import { obstacle } from './fault.ts';
import { faults } from './faults.ts';
import { Soak } from './soak.ts';
import type { Times } from './soak-options.ts';

/** Each part lasts until its expected events were observed, and no longer. */
const untilObserved: Times = { before: 0, fault: 0, after: 0, checkEvery: null, recoversWithin: null };

/**
 * Provokes each wanted fault of a database on one server, until it is visible. The load is small, since other tests run
 * beside it.
 */
export function describeShortSoak(kind: Kind, isWanted: (fault: string) => boolean = () => true): void {
  describeAmong(
    [kind],
    one => one === 'sqlite' || programOf(one) !== undefined,
    one => `a server on ${one}`,
    () => {
      let soak: Soak;

      beforeAll(async () => {
        // The time limit is shorter than the tries of a change, so that its end reports what they met.
        const size = { courses: 20, students: 120, listeners: 1, requestTimeout: 6 };
        soak = await Soak.start(
          { database: kind, readsPerSecond: 2, writesPerSecond: 2, ...size, busy: 0.5 },
          faults[0]!,
        );
      });
      afterAll(async () => expect(await soak?.stop()).toEqual([]));

      const possible = faults.filter(fault => obstacle(fault, kind, true) === null && isWanted(fault.name));
      it.each(possible)(`a server on ${kind} loses nothing and reports the truth while $does`, async fault => {
        const { problems, lost, drift } = await soak.run(fault, untilObserved);
        expect({ problems, lost, drift }).toEqual({ problems: [], lost: 0, drift: 0 });
      });
    },
  );
}
