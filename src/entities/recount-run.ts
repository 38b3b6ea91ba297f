import type { Opt, Ref } from '@mikro-orm/core';
import { Entity, Enum, ManyToOne, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { RunKind, RunStatus } from './values.js';
import type { Key } from './key.js';
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

  /** Whether the run only reports what it would change. */
  @Property({ type: 'boolean', default: false })
  dryRun: Opt<boolean> = false;

  /** The user, command or schedule that started the run. */
  @Property({ type: 'string', length: 255 })
  startedBy!: string;

  /** The ids of the courses in scope, ascending and separated by commas; null: all. */
  @Property({ type: 'text', nullable: true })
  courseIds?: string | null;

  /** The number of courses in each chunk; null: adjusted to how long chunks take. */
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

  /** The id up to which everything is done: a course's, or a change's if the run undoes another. */
  @Property({ type: WholeNumber, unsigned: true, nullable: true })
  cursorId?: Key | null;

  @Property({ type: 'text', nullable: true })
  error?: string | null;

  /**
   * The name of the process that works on the run, or was the last to; each start and each resumption has its own name.
   */
  @Property({ type: 'string', length: 255 })
  owner!: string;

  /** The moment until which the owner must have renewed the lease; a RUNNING run after that moment was interrupted. */
  @Property({ type: 'Date', length: 3 })
  leaseExpiresAt!: Date;

  /**
   * True within the transaction that starts or resumes a run, null otherwise: only one transaction at a time can do so.
   */
  @Property({ type: 'boolean', nullable: true })
  @Unique()
  isStarting?: boolean | null;

  /** The moment of a schedule for which the run was started; each has one run. */
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
