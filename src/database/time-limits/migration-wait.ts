/** The longest time for which a process waits for the migrations and sample data of another one, in seconds. */
export const MIGRATION_WAIT_SECONDS = 120;
