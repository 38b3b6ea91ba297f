import { Field, ID, InputType } from 'type-graphql';
import { CourseStatus, EnrollmentStatus, Role } from '../../entities/index.js';
import { Int } from '../int.js';

/** The input of enroll. */
@InputType('EnrollInput', { description: 'A student and a course.' })
export class EnrollInput {
  @Field(() => ID, { description: 'The course.' })
  courseId!: string;

  @Field(() => ID, { nullable: true, description: 'The student; without it, the viewer.' })
  studentId?: string | null;
}

/** The input of enrollMany. */
@InputType('EnrollManyInput', { description: 'Students, 1,000 at most, and a course.' })
export class EnrollManyInput {
  @Field(() => ID, { description: 'The course.' })
  courseId!: string;

  @Field(() => [ID], { description: 'The students.' })
  studentIds!: string[];
}

/** The input of setEnrollmentStatus. */
@InputType('SetEnrollmentStatusInput', { description: 'An enrollment and its new status.' })
export class SetEnrollmentStatusInput {
  @Field(() => ID, { description: 'The enrollment.' })
  enrollmentId!: string;

  @Field(() => EnrollmentStatus, { description: 'Its new status.' })
  status!: EnrollmentStatus;
}

/** The input of transferEnrollment. */
@InputType('TransferEnrollmentInput', { description: 'An enrollment and its new course.' })
export class TransferEnrollmentInput {
  @Field(() => ID, { description: 'The enrollment.' })
  enrollmentId!: string;

  @Field(() => ID, { description: 'The course to move it to.' })
  courseId!: string;
}

/** The input of unenroll. */
@InputType('UnenrollInput', { description: 'An enrollment to delete.' })
export class UnenrollInput {
  @Field(() => ID, { description: 'The enrollment.' })
  enrollmentId!: string;
}

/** The input of createCourse. */
@InputType('CreateCourseInput', { description: 'A new course.' })
export class CreateCourseInput {
  @Field(() => String, { description: 'The title, at most 255 characters.' })
  title!: string;

  @Field(() => String, { nullable: true, description: 'The description of the course.' })
  description?: string | null;

  @Field(() => CourseStatus, {
    nullable: true,
    defaultValue: CourseStatus.DRAFT,
    description: 'The stage of the course.',
  })
  status?: CourseStatus | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: 'Whether everybody can see it.' })
  isPublished?: boolean | null;

  @Field(() => Int, { nullable: true, description: 'The highest number of ACTIVE enrollments; null: no limit.' })
  capacity?: number | null;

  @Field(() => ID, { nullable: true, description: 'The instructor; without it, a teacher who creates the course.' })
  instructorId?: string | null;
}

/** The input of updateCourse. */
@InputType('UpdateCourseInput', {
  description: 'Changes of a course: absent fields stay as they are, and null removes a value.',
})
export class UpdateCourseInput {
  @Field(() => ID, { description: 'The course.' })
  id!: string;

  @Field(() => String, { nullable: true, description: 'The title, at most 255 characters.' })
  title?: string | null;

  @Field(() => String, { nullable: true, description: 'The description of the course.' })
  description?: string | null;

  @Field(() => CourseStatus, { nullable: true, description: 'The stage of the course.' })
  status?: CourseStatus | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether everybody can see it.' })
  isPublished?: boolean | null;

  @Field(() => Int, {
    nullable: true,
    description: 'The highest number of ACTIVE enrollments, not below the present number; null: no limit.',
  })
  capacity?: number | null;

  @Field(() => ID, { nullable: true, description: 'The instructor.' })
  instructorId?: string | null;
}

/** The input of deleteCourse. */
@InputType('DeleteCourseInput', { description: 'A course to delete.' })
export class DeleteCourseInput {
  @Field(() => ID, { description: 'The course.' })
  id!: string;
}

/** The input of createUser. */
@InputType('CreateUserInput', { description: 'A new user.' })
export class CreateUserInput {
  @Field(() => String, { description: 'The full name, at most 255 characters.' })
  name!: string;

  @Field(() => String, { description: 'The email address, which must be unique.' })
  email!: string;

  @Field(() => Role, { nullable: true, defaultValue: Role.STUDENT, description: 'The role of the user.' })
  role?: Role | null;
}

/** The input of deleteUser. */
@InputType('DeleteUserInput', { description: 'A user to delete.' })
export class DeleteUserInput {
  @Field(() => ID, { description: 'The user.' })
  id!: string;
}
