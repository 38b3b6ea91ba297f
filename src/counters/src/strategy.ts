/**
 * Names who changes the stored counts: the hooks of this process, or triggers in the database, which see every program.
 */
export type CounterStrategy = 'hooks' | 'triggers';
