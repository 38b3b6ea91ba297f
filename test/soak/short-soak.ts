import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programOf } from '../support/server.ts';
import type { Kind } from './database.ts';
import { faults, obstacle } from './faults.ts';
import { Soak, type Times } from './soak.ts';

/** Each part lasts until what is to be seen in it was seen, and no longer. */
const untilSeen: Times = { before: 0, fault: 0, after: 0, checkEvery: null, wellWithin: null };

/**
 * Has each fault of a database that is wanted befall one server, for as long as it takes to be felt; little is asked
 * for, since other tests run beside it.
 */
export function describeShortSoak(kind: Kind, isWanted: (fault: string) => boolean = () => true): void {
  describe.runIf(kind === 'sqlite' || programOf(kind))(`a server on ${kind}`, () => {
    let soak: Soak;

    beforeAll(async () => {
      // Less than the tries of a change take, so that the end of the time says what they met.
      const size = { courses: 20, students: 120, listeners: 1, requestTimeout: 6 };
      soak = await Soak.start(
        { database: kind, readsPerSecond: 2, writesPerSecond: 2, ...size, busy: 0.5 },
        faults[0]!,
      );
    });
    afterAll(async () => expect(await soak?.stop()).toEqual([]));

    const possible = faults.filter(fault => obstacle(fault, kind, true) === null && isWanted(fault.name));
    it.each(possible)(`a server on ${kind} loses nothing and reports the truth while $does`, async fault => {
      const { problems, lost, drift } = await soak.run(fault, untilSeen);
      expect({ problems, lost, drift }).toEqual({ problems: [], lost: 0, drift: 0 });
    });
  });
}
