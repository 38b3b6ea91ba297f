import { channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';

/** The owner of a procedure with the name of ours. */
export type ProcedureState = 'none' | 'ours' | 'foreign';

/** A procedure that a migration makes. */
export interface OwnProcedure {
  readonly name: string;
  /** Returns whose procedure of this name a database has. */
  readonly state: (em: SqlEntityManager) => Promise<ProcedureState>;
}

/**
 * The channel of each procedure of another application that was left unchanged, although a migration has one of the
 * same name; published by its name.
 */
export const proceduresLeft = channel('rollcall:procedure-left');
