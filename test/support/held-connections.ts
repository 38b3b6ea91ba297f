import { dialectOf, type Database } from '../../src/database/database.js';
import type { ConnectionSlots, Release } from '../../src/database/connections/connection-slots.js';
import { laneRules, type Lane } from '../../src/database/connections/purposes.js';
import { TimeLimit } from '../../src/database/time-limits/time-limit.js';

/** The maximum number of connections of readers to a file. */
const READERS = 4;

/**
 * Takes the connections of transactions, those of readers beside them, or both, until the returned function is called.
 */
export function holdConnections(
  database: Database,
  whose: 'of transactions' | 'of readers' | 'all' = 'all',
): Promise<() => Promise<void>> {
  const [ofReaders, ofTransactions] = [whose !== 'of transactions', whose !== 'of readers'];
  if (dialectOf(database).kind === 'sqlite') return holdFile(database, ofReaders ? READERS : 0, ofTransactions ? 1 : 0);
  return holdLanes(
    database,
    lane => (lane.startsWith('read') && ofReaders) || (lane.startsWith('change') && ofTransactions),
  );
}

/** Takes all connections of some lanes to a server. */
export async function holdLanes(database: Database, isHeld: (lane: Lane) => boolean): Promise<() => Promise<void>> {
  const { slots } = database.em.getConnection() as unknown as { readonly slots: ConnectionSlots<Lane> };
  const taken: Release[] = [];
  for (const lane of (Object.keys(laneRules) as Lane[]).filter(isHeld)) taken.push(...(await allOf(slots, lane)));
  return () => Promise.resolve(taken.forEach(giveBack => giveBack()));
}

/** Takes slots for one lane until none is left. */
async function allOf(slots: ConnectionSlots<Lane>, lane: Lane): Promise<Release[]> {
  const taken: Release[] = [];
  for (;;) {
    const [limit, waiting] = [new TimeLimit(3600), slots.waiting];
    const next = slots.take(lane, limit);
    if (slots.waiting === waiting) {
      taken.push(await next);
      limit.end();
      continue;
    }
    limit.stop('client_gone');
    await next.catch(() => undefined);
    return taken;
  }
}

async function holdFile(database: Database, readers: number, writers: number): Promise<() => Promise<void>> {
  const begun = await Promise.all(
    Array.from({ length: readers + writers }, async (_, index) => {
      const em = database.em.fork();
      await em.begin({ readOnly: index < readers });
      return em;
    }),
  );
  return async () => {
    for (const em of begun) await em.rollback();
  };
}
