/**
 * Says how long shared caches may keep what everybody may see, in seconds. Stored counts are exact at every commit, and
 * an answer from a cache is as old as this at most; it takes away a peak of readers nevertheless.
 */
export const PUBLIC_MAX_AGE = 10;

/**
 * Hints that everybody sees the same. What has no hint, and is no plain value of such a type, is kept by no shared
 * cache.
 */
export const PUBLIC = `@cacheControl(maxAge: ${PUBLIC_MAX_AGE})`;

/** Hints that what is seen depends on the viewer. */
export const PRIVATE = '@cacheControl(maxAge: 0, scope: PRIVATE)';
