import { channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';

/** The owner of a procedure or function with the name of ours. */
export type ProcedureState = 'none' | 'ours' | 'foreign';

/** A procedure or function that a migration makes. */
export interface OwnProcedure {
  /** What it is, and its name: `procedure verify_enrollment_counts`. */
  readonly title: string;
  /** Returns whose procedure or function of this name a database has. */
  readonly state: (em: SqlEntityManager) => Promise<ProcedureState>;
}

/**
 * The channel of each procedure or function of another application that was left unchanged, although a migration has
 * one of the same name; published by its title.
 */
export const proceduresLeft = channel('rollcall:procedure-left');
