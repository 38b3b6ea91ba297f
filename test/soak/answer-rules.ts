import { allowedCodes, noCodes, type Fault } from './fault.ts';
import type { Problems } from './problems.ts';
import type { Call, Tally } from './tally.ts';

/** The number of consecutive answers with 503 for which /readyz counts as not ready, as for most load balancers. */
export const MIN_UNREADY = 3;
/** The codes of a server, or a machine, that has more work than it can do in time. */
const BUSY: ReadonlySet<string> = new Set(['RETRY_LATER', 'REQUEST_TIMEOUT', 'READ_FAILED', 'OVERLOADED']);

/** Returns whether a caller may get this code; some callers may get the codes of a busy server if `busy` is over 0. */
export function isAllowed(
  { phase, kind, group, code }: Omit<Call, 'name' | 'milliseconds'>,
  fault: Fault,
  busy: number,
): boolean {
  if (code === 'ok' || (code === 'left' && kind !== 'ready')) return true;
  if (busy > 0 && BUSY.has(code)) return true;
  if (phase === 'calm') return false;
  if (kind === 'ready') return code === '503' && fault.ready !== 200;
  if (fault.joined && kind === 'write' && BUSY.has(code)) return true;
  return allowedCodes(fault, group)[kind].includes(code);
}

/** Checks that no more unaffected callers than allowed were told that the server is busy. */
export function checkBusy(tally: Tally, fault: Fault, allowed: number, problems: Problems): void {
  for (const [group, codes] of [
    ['calm', noCodes],
    ['untouched', allowedCodes(fault, 'untouched')],
  ] as const) {
    for (const kind of ['read', 'write'] as const) {
      const answers = Object.entries(tally.codes(group, kind));
      const [all, busy] = [answers, answers.filter(([code]) => BUSY.has(code) && !codes[kind].includes(code))].map(
        some => some.reduce((sum, [, count]) => sum + count, 0),
      ) as [number, number];
      const most = group === 'untouched' && kind === 'write' ? Math.max(allowed, fault.joined ?? 0) : allowed;
      if (busy > all * most)
        problems.add(`${busy} of ${all} unaffected callers (${kind}, ${group}) were told that the server is busy`);
    }
  }
}
