import type { Config } from '../config/config.js';
import { existingTriggers, type TriggerStatus } from 'mikro-orm-counters';

/** Returns how the configured strategy and the triggers of the database disagree; null if they agree. */
export function disagreementOf(configured: Config['counters'], status: TriggerStatus): string | null {
  const { missing, different, superfluous, foreign } = status;
  if (foreign.length > 0)
    return `They do not agree: ${foreign.join(', ')} ${foreign.length === 1 ? 'has a name' : 'have names'} that the counters need, but somebody else made ${foreign.length === 1 ? 'it' : 'them'}. Rename or drop ${foreign.length === 1 ? 'it' : 'them'}.`;
  if (configured === 'hooks' && existingTriggers(status).length > 0) {
    return 'They do not agree: with COUNTERS=hooks nothing starts on a database with triggers. Set COUNTERS=triggers, or drop them as "rollcall counters use --help" says.';
  }
  if (configured === 'triggers' && missing.length + different.length + superfluous.length > 0) {
    return 'They do not agree: triggers are missing or out of date. "rollcall counters use triggers" puts them right, and so does the next start of a server.';
  }
  return null;
}

/** Returns in words what keeps the counts in the database. */
export function inForce(status: TriggerStatus): string {
  const { guarded, missing, different, superfluous, foreign } = status;
  if (existingTriggers(status).length === 0) return 'hooks (no triggers)';
  if (missing.length + different.length + superfluous.length + foreign.length > 0)
    return 'triggers, but not those of the declared counters';
  return guarded ? 'triggers with a guard: what other programs assign to the counts is ignored' : 'triggers';
}
