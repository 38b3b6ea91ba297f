import { channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';

/** Whose a procedure is that has the name of ours. */
export type ProcedureState = 'none' | 'ours' | 'foreign';

/** A procedure that a migration makes. */
export interface OwnProcedure {
  readonly name: string;
  /** Returns whose procedure of this name a database has. */
  readonly state: (em: SqlEntityManager) => Promise<ProcedureState>;
}

/**
 * Publishes, by its name, each procedure of another application that was left as it is, although a migration has one of
 * this name.
 */
export const proceduresLeft = channel('rollcall:procedure-left');
