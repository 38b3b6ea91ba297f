/** The longest wait of a process for another one's migrations and sample data, in seconds. */
export const MIGRATION_WAIT_SECONDS = 120;
