/** The table in which the applied migrations are recorded. */
export const MIGRATIONS_TABLE = 'rollcall_migrations';
