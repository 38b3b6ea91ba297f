import type { Opt, Ref } from '@mikro-orm/core';
import { Entity, Enum, ManyToOne, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { RunKind, RunStatus } from './values.js';
import { WholeNumber } from './whole-number.js';

/**
 * A row of `core_recount_runs`: one recount, or the undo of one, with its progress; all its moments are by the
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

  /** The run that this one undoes. */
  @ManyToOne(() => RecountRun, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  undoneRun?: Ref<RecountRun> | null;

  /** True for a run that only reports what it would change. */
  @Property({ type: 'boolean', default: false })
  dryRun: Opt<boolean> = false;

  /** Who started the run: a user, a command or a schedule. */
  @Property({ type: 'string', length: 255 })
  startedBy!: string;

  /** The ids of the courses in scope, ascending and with commas between them; null: all. */
  @Property({ type: 'text', nullable: true })
  courseIds?: string | null;

  /** The number of courses in each chunk; null: sized by time. */
  @Property({ type: 'integer', unsigned: true, nullable: true })
  batchSize?: number | null;

  /** The pause after each chunk and each repair, in milliseconds. */
  @Property({ type: 'integer', unsigned: true, default: 0 })
  throttle: Opt<number> = 0;

  /** The number of courses in scope, or of changes to undo. */
  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  total: Opt<number> = 0;

  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  checked: Opt<number> = 0;

  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  drifted: Opt<number> = 0;

  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  repaired: Opt<number> = 0;

  /** The id up to which all is done: a course's, or a change's if the run undoes another. */
  @Property({ type: WholeNumber, unsigned: true, nullable: true })
  cursorId?: number | null;

  @Property({ type: 'text', nullable: true })
  error?: string | null;

  /**
   * The name of the process that works on the run, or was the last to; each start and each resumption has its own name.
   */
  @Property({ type: 'string', length: 255 })
  owner!: string;

  /** When the owner must have renewed the lease; a RUNNING run that is past it has been interrupted. */
  @Property({ type: 'Date', length: 3 })
  leaseExpiresAt!: Date;

  /** True within the transaction that starts or resumes a run, null otherwise: only one at a time can do so. */
  @Property({ type: 'boolean', nullable: true })
  @Unique()
  isStarting?: boolean | null;

  /** The moment of a schedule that the run is for; each has one run. */
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
