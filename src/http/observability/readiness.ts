import { dialectOf, type Database } from '../../database/database.js';
import type { FaultKind } from '../../database/faults/fault.js';
import { faultOf } from '../../database/faults/fault-of.js';
import { asProbe } from '../../database/connections/purposes.js';
import { WorkStopped, withinOwnLimit } from '../../database/time-limits/time-limit.js';
import type { DatabaseFaults } from './database-faults.js';

/** The longest time that the database may take for a probe, in milliseconds. */
const MAX_PROBE_MS = 2000;

/** What /readyz says of the database, by the kind of a fault; for any other kind, that it does not answer. */
const faultDescriptions: Partial<Record<FaultKind, string>> = {
  crowded: 'accepts no more connections',
  read_only: 'accepts no changes',
  full: 'has no room for changes',
};

/** Returns why requests cannot be served now; null if the database answers and, as far as known, accepts changes. */
export async function reasonNotReady(database: Database, faults: DatabaseFaults): Promise<string | null> {
  const { connections } = dialectOf(database);
  try {
    const reason = await withinProbeTime(() => connections.reasonForNoChanges(database));
    if (reason !== null) return `The database ${faultDescriptions.read_only} (${reason}).`;
  } catch (error) {
    const fault = faultOf(error);
    if (!fault) return error instanceof TooLate ? error.message : 'The database does not answer (unknown reason).';
    // A fault that blocks or ends one probe for a moment does not mean that the database is away.
    if (fault.isAway || fault.callerCode === null)
      return `The database ${faultDescriptions[fault.kind] ?? 'does not answer'} (${(error as { code?: string }).code ?? fault.number}).`;
  }
  const met = faults.recent(connections.unseenFaults);
  return met ? `The database ${faultDescriptions[met.kind]}, as it reported a moment ago (${met.number}).` : null;
}

/** The error of a database that took too long. */
class TooLate extends Error {}

/**
 * Returns the database's answer to a question, for which a connection is reserved so that it never waits for other
 * work. If the answer takes too long, the question and its connection are given up. Errors: those of the question;
 * TooLate.
 */
export async function withinProbeTime<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await withinOwnLimit(MAX_PROBE_MS / 1000, () => asProbe(question));
  } catch (error) {
    throw error instanceof WorkStopped
      ? new TooLate(`The database has not answered for ${MAX_PROBE_MS} ms.`, { cause: error })
      : error;
  }
}
