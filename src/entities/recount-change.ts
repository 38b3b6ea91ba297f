import type { Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { RecountRun } from './recount-run.js';
import type { Key } from './key.js';
import { WholeNumber } from './whole-number.js';

/**
 * A row of `core_recount_changes`: one stored count that a run changed, or would change; written in the same
 * transaction.
 */
@Entity({ tableName: 'core_recount_changes' })
export class RecountChange {
  @PrimaryKey({ type: WholeNumber })
  id!: number;

  @ManyToOne(() => RecountRun, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  run!: Ref<RecountRun>;

  /** The name of the counter: `Course.totalEnrollments`. */
  @Property({ type: 'string', length: 100 })
  counter!: string;

  /** Not a foreign key: the record stays when the course is deleted. */
  @Property({ type: WholeNumber, unsigned: true })
  courseId!: Key;

  @Property({ type: WholeNumber, unsigned: true })
  countBefore!: number;

  @Property({ type: WholeNumber, unsigned: true })
  countAfter!: number;
}
