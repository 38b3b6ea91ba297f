import type { Opt, Ref } from '@mikro-orm/core';
import { Check, Entity, Enum, Index, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { User } from './user.js';
import { CourseStatus } from './values.js';
import type { Key } from './key.js';
import { WholeNumber } from './whole-number.js';

/** A row of `core_course`; its two stored counts belong to the counters engine and are never assigned. */
@Entity({ tableName: 'core_course' })
@Check({ name: 'core_course_total_enrollments_check', expression: 'total_enrollments >= 0' })
@Check({ name: 'core_course_active_enrollments_check', expression: 'active_enrollments >= 0' })
@Index({ properties: ['isPublished'] })
@Index({ properties: ['isPublished', 'title'] })
@Index({ properties: ['isPublished', 'totalEnrollments'] })
@Index({ properties: ['isPublished', 'createdAt'] })
@Index({ properties: ['isPublished', 'status'] })
@Index({ properties: ['isPublished', 'status', 'title'] })
@Index({ properties: ['isPublished', 'status', 'totalEnrollments'] })
@Index({ properties: ['isPublished', 'status', 'createdAt'] })
@Index({ properties: ['instructor', 'isPublished'] })
export class Course {
  @PrimaryKey({ type: WholeNumber })
  id!: Key;

  @Property({ type: 'string', length: 255 })
  @Index()
  title!: string;

  @Property({ type: 'text', nullable: true })
  description?: Opt<string> | null;

  @Enum({ items: () => CourseStatus, default: CourseStatus.DRAFT })
  status: Opt<CourseStatus> = CourseStatus.DRAFT;

  @Property({ type: 'boolean', default: false })
  isPublished: Opt<boolean> = false;

  /** The most ACTIVE enrollments; null: no limit. */
  @Property({ type: 'integer', unsigned: true, nullable: true })
  capacity?: number | null;

  @ManyToOne(() => User, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  instructor?: Ref<User> | null;

  /** Stored: all enrollments, whatever their status. */
  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  @Index()
  readonly totalEnrollments: Opt<number> = 0;

  /** Stored: enrollments that are ACTIVE. */
  @Property({ type: WholeNumber, unsigned: true, default: 0 })
  readonly activeEnrollments: Opt<number> = 0;

  // "Date", not "datetime": with the latter, MikroORM 7.2 considers every loaded moment on SQLite changed, and writes
  // it back.
  @Property({ type: 'Date', length: 3, onCreate: () => new Date() })
  @Index()
  createdAt!: Opt<Date>;

  @Property({ type: 'Date', length: 3, onCreate: () => new Date(), onUpdate: () => new Date() })
  updatedAt!: Opt<Date>;
}
