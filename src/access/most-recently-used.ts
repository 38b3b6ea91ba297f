import { LRUCache } from 'lru-cache';

/**
 * Returns a cache that keeps so many values, those that were used last. It takes memory as it fills: with the option
 * `max` it would take all of it at once, which is milliseconds of each start of a server.
 */
export function mostRecentlyUsed<Key extends {}, Value extends {}>(count: number): LRUCache<Key, Value> {
  return new LRUCache({ maxSize: count, sizeCalculation: () => 1 });
}
