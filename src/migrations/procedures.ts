import { channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';

/** The owner of a procedure or function with the name of ours. */
export type ProcedureState = 'none' | 'ours' | 'foreign';

/** The procedure or function that counts the stored counts which differ from the enrollments. */
export const PROCEDURE = 'verify_enrollment_counts';

/** The comment by which ours is recognized. */
export const PROCEDURE_COMMENT = 'Counts the stored counts that differ from the enrollments; changes nothing.';

/** Returns whose procedure or function has a comment; undefined: there is none. */
export function stateOf(comment: string | undefined): ProcedureState {
  if (comment === undefined) return 'none';
  return comment === PROCEDURE_COMMENT ? 'ours' : 'foreign';
}

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
