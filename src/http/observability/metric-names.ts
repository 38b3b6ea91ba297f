/** The beginning of the names of the metrics of the last verify. */
export const LAST_VERIFY_PREFIX = 'rollcall_last_verify_';

/** The metric of the moment at which the last verify ended. */
export const LAST_VERIFY_TIME = `${LAST_VERIFY_PREFIX}timestamp_seconds`;
