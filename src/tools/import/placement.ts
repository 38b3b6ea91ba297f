import { EnrollmentStatus, type Key } from '../../entities/index.js';
import { pairOf } from '../../use-cases/pair.js';

/** What is to become of a student in a course, both known. */
export interface Placement {
  readonly file: string;
  readonly line: number;
  readonly courseId: Key;
  readonly studentId: Key;
  /**
   * `add` enrolls with the status, unless there is an enrollment; `set` does too, and gives the status to one that is
   * there; `remove` unenrolls. `add` if left out.
   */
  readonly operation?: 'add' | 'set' | 'remove';
  readonly status: EnrollmentStatus;
  readonly enrolledAt: Date;
}

/** The state of a student in a course: the status of the enrollment; null: there is none. */
export type PairState = EnrollmentStatus | null;

/** The outcome of some placements. */
export interface Decision {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly alreadyThere: number;
  /** The last placement that changed a pair, by the pair. */
  readonly last: ReadonlyMap<string, Placement>;
  /** Those that would bring ACTIVE enrollments above their course's capacity. */
  readonly full: readonly Placement[];
}

/**
 * Decides in the order given: a state that a pair has already is there already, a seat that is free is taken; `states`
 * and `free` follow.
 */
export function decisionOn(
  placements: readonly Placement[],
  states: Map<string, PairState>,
  free: Map<Key, number>,
): Decision {
  const counts = { added: 0, changed: 0, removed: 0, alreadyThere: 0 };
  const last = new Map<string, Placement>();
  const full: Placement[] = [];
  for (const placement of placements) {
    const pair = pairOf(placement);
    const before = states.get(pair) ?? null;
    const after = stateAfter(before, placement);
    const seats = seatsOf(after) - seatsOf(before);
    const left = (free.get(placement.courseId) ?? 0) - seats;
    if (after === before) counts.alreadyThere += 1;
    else if (seats > 0 && left < 0) full.push(placement);
    else {
      free.set(placement.courseId, left);
      states.set(pair, after);
      last.set(pair, placement);
      counts[before === null ? 'added' : after === null ? 'removed' : 'changed'] += 1;
    }
  }
  return { ...counts, last, full };
}

function stateAfter(before: PairState, { operation = 'add', status }: Placement): PairState {
  if (operation === 'remove') return null;
  return operation === 'add' && before !== null ? before : status;
}

function seatsOf(state: PairState): number {
  return state === EnrollmentStatus.ACTIVE ? 1 : 0;
}
