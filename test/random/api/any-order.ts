import type { Viewer } from '../../../src/access/viewer.js';
import type { Mutation } from './mutation.js';
import type { School } from './school.js';
import { differences } from './tables.js';
import { isDeleted } from './expected.js';

/** A mutation that was sent together with others, and its answer. */
export interface Answered {
  readonly viewer: Viewer | null;
  readonly mutation: Mutation;
  readonly codes: readonly string[];
  /** The ids of its new rows that the answer still shows. */
  readonly newIds: readonly number[];
}

/** Returns whether some order of the mutations, one after the other, leads to these answers and to these rows. */
export function inSomeOrder(before: School, answered: readonly Answered[], after: School): boolean {
  return orders(answered).some(order => {
    const school = structuredClone(before);
    return (
      order.every((one, index) => isDenied(before, school, one) ?? happens(school, one, index)) &&
      differences(after, school).length === 0
    );
  });
}

/**
 * Returns whether a deleted user's request was denied; null: it may be carried out, because its token was accepted
 * before the user was deleted.
 */
function isDenied(before: School, now: School, { viewer, codes }: Answered): boolean | null {
  const denied = String(codes) === 'UNAUTHENTICATED';
  if (isDeleted(before, viewer)) return denied;
  return denied && isDeleted(now, viewer) ? true : null;
}

function happens(school: School, { viewer, mutation, codes, newIds }: Answered, place: number): boolean {
  const { error, codes: wanted, newRowCount, change } = mutation.expected(school, viewer);
  if (String(codes) !== String(error ?? wanted)) return false;
  // A row that was deleted before the answer was read has no id in it; any id will do, since the row must be gone in
  // the end.
  change?.(Array.from({ length: newRowCount }, (_, index) => newIds[index] ?? -1 - place * 100 - index));
  return true;
}

function orders<Value>(values: readonly Value[]): Value[][] {
  if (values.length < 2) return [[...values]];
  return values.flatMap((first, index) => orders(values.toSpliced(index, 1)).map(rest => [first, ...rest]));
}
