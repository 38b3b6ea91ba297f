import type { DatabaseMap } from './map-form.js';

/** Returns the columns of the counts that the other application has stored, by our properties. */
export function storedCountsIn({ courses: { counts = {} } }: DatabaseMap): ReadonlyMap<string, string> {
  return new Map(Object.entries(counts).flatMap(([name, found]) => (found === undefined ? [] : [[name, found]])));
}
