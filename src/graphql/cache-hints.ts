/**
 * The time for which shared caches may keep public data, in seconds. Stored counts are exact at every commit, and a
 * cached answer is at most this old; even so short a time absorbs a peak of readers.
 */
export const PUBLIC_MAX_AGE_SECONDS = 10;

/**
 * The hint for data that everybody sees alike. Shared caches keep no field without this hint, except plain values of a
 * type that has it.
 */
export const PUBLIC = `@cacheControl(maxAge: ${PUBLIC_MAX_AGE_SECONDS})`;

/** The hint for data that depend on the viewer. */
export const PRIVATE = '@cacheControl(maxAge: 0, scope: PRIVATE)';
