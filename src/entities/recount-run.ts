import type { Opt, Ref } from '@mikro-orm/core';
import { Entity, Enum, ManyToOne, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { RunKind, RunStatus } from './values.js';
import { WholeNumber } from './whole-number.js';

/**
 * Maps `core_recount_runs`: one recount, or the undoing of one, with how far it is; all its moments are by the
 * database's clock.
 */
@Entity({ tableName: 'core_recount_runs' })
export class RecountRun {
  @PrimaryKey({ type: WholeNumber })
  id!: number;

  @Enum({ items: () => RunKind, default: RunKind.RECOUNT })
  kind: Opt<RunKind> = RunKind.RECOUNT;

  @Enum({ items: () => RunStatus, default: RunStatus.RUNNING })
  status: Opt<RunStatus> = RunStatus.RUNNING;

  /** Points at the run whose changes this one takes back. */
  @ManyToOne(() => RecountRun, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  undoneRun?: Ref<RecountRun> | null;

  /** Says that the run only tells what it would change. */
  @Property({ type: 'boolean', default: false })
  dryRun: Opt<boolean> = false;

  /** Names who asked: a user, a command or a schedule. */
  @Property({ type: 'string', length: 255 })
  startedBy!: string;

  /** Lists the ids of the courses in scope, ascending and with commas between; null: all. */
  @Property({ type: 'text', nullable: true })
  courseIds?: string | null;

  /** Fixes the courses of each chunk; null: sized by time. */
  @Property({ type: 'integer', unsigned: true, nullable: true })
  batchSize?: number | null;

  /** Is the pause after each chunk and each repair, in milliseconds. */
  @Property({ type: 'integer', unsigned: true, default: 0 })
  throttle: Opt<number> = 0;

  /** Counts the courses in scope, or the changes to take back. */
  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  total: Opt<number> = 0;

  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  checked: Opt<number> = 0;

  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  drifted: Opt<number> = 0;

  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  repaired: Opt<number> = 0;

  /** Is the id up to which all is done: a course's, or a change's where the run undoes another. */
  @Property({ type: WholeNumber, unsigned: true, nullable: true })
  cursorId?: number | null;

  @Property({ type: 'text', nullable: true })
  error?: string | null;

  /** Names the process that works on the run, or was the last to: each start and each resumption has its own name. */
  @Property({ type: 'string', length: 255 })
  owner!: string;

  /** Is until when the owner may work without renewing; a RUNNING run that is past it has been interrupted. */
  @Property({ type: 'Date', length: 3 })
  leaseExpiresAt!: Date;

  /**
   * Is true within the transaction that starts or resumes a run, and null after it: only one can be at that at a time.
   */
  @Property({ type: 'boolean', nullable: true })
  @Unique()
  isStarting?: boolean | null;

  /** Names the moment of a schedule that the run is for, of which there is one run. */
  @Property({ type: 'string', length: 100, nullable: true })
  @Unique()
  slot?: string | null;

  @Property({ type: 'Date', length: 3 })
  startedAt!: Date;

  @Property({ type: 'Date', length: 3 })
  updatedAt!: Date;

  @Property({ type: 'Date', length: 3, nullable: true })
  finishedAt?: Date | null;
}
