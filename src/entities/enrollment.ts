import type { Opt, Ref } from '@mikro-orm/core';
import { Entity, Enum, Index, ManyToOne, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { Course } from './course.js';
import { User } from './user.js';
import { EnrollmentStatus } from './values.js';
import type { Key } from './key.js';
import { WholeNumber } from './whole-number.js';

/** A row of `core_enrollments`: one student in one course, at most once. */
@Entity({ tableName: 'core_enrollments' })
@Unique({ properties: ['course', 'student'] })
@Index({ properties: ['course', 'status'] })
@Index({ properties: ['course', 'status', 'enrolledAt'] })
@Index({ properties: ['course', 'enrolledAt'] })
@Index({ properties: ['status'] })
@Index({ properties: ['status', 'enrolledAt'] })
export class Enrollment {
  @PrimaryKey({ type: WholeNumber })
  id!: Key;

  @ManyToOne(() => Course, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  course!: Ref<Course>;

  @ManyToOne(() => User, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  student!: Ref<User>;

  @Enum({ items: () => EnrollmentStatus, default: EnrollmentStatus.ACTIVE })
  status: Opt<EnrollmentStatus> = EnrollmentStatus.ACTIVE;

  // "Date", not "datetime": with the latter, MikroORM 7.2 considers every loaded moment on SQLite changed, and writes
  // it back.
  @Property({ type: 'Date', length: 3, onCreate: () => new Date() })
  @Index()
  enrolledAt!: Opt<Date>;

  @Property({ type: 'Date', length: 3, onCreate: () => new Date(), onUpdate: () => new Date() })
  updatedAt!: Opt<Date>;
}
