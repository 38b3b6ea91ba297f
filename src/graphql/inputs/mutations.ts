import { Field, ID, InputType } from 'type-graphql';
import { CourseStatus, EnrollmentStatus, Role } from '../../entities/index.js';
import { Int } from '../int.js';

/** Says whom to enroll where. */
@InputType('EnrollInput', { description: 'Whom to enroll where.' })
export class EnrollInput {
  @Field(() => ID, { description: 'The course.' })
  courseId!: string;

  @Field(() => ID, { nullable: true, description: 'The student; the viewer without it.' })
  studentId?: string | null;
}

/** Says whom to enroll where, many at once. */
@InputType('EnrollManyInput', { description: 'Whom to enroll where, 1,000 at most.' })
export class EnrollManyInput {
  @Field(() => ID, { description: 'The course.' })
  courseId!: string;

  @Field(() => [ID], { description: 'The students.' })
  studentIds!: string[];
}

/** Says which enrollment gets which status. */
@InputType('SetEnrollmentStatusInput', { description: 'Which enrollment gets which status.' })
export class SetEnrollmentStatusInput {
  @Field(() => ID, { description: 'The enrollment.' })
  enrollmentId!: string;

  @Field(() => EnrollmentStatus, { description: 'Its new status.' })
  status!: EnrollmentStatus;
}

/** Says which enrollment moves to which course. */
@InputType('TransferEnrollmentInput', { description: 'Which enrollment moves to which course.' })
export class TransferEnrollmentInput {
  @Field(() => ID, { description: 'The enrollment.' })
  enrollmentId!: string;

  @Field(() => ID, { description: 'The course to move it to.' })
  courseId!: string;
}

/** Says which enrollment is deleted. */
@InputType('UnenrollInput', { description: 'Which enrollment to delete.' })
export class UnenrollInput {
  @Field(() => ID, { description: 'The enrollment.' })
  enrollmentId!: string;
}

/** Describes a new course. */
@InputType('CreateCourseInput', { description: 'A new course.' })
export class CreateCourseInput {
  @Field(() => String, { description: 'The title, 255 characters at most.' })
  title!: string;

  @Field(() => String, { nullable: true, description: 'What the course is about.' })
  description?: string | null;

  @Field(() => CourseStatus, {
    nullable: true,
    defaultValue: CourseStatus.DRAFT,
    description: 'The stage of the course.',
  })
  status?: CourseStatus | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: 'Whether everybody can see it.' })
  isPublished?: boolean | null;

  @Field(() => Int, { nullable: true, description: 'Most ACTIVE enrollments allowed; null: no limit.' })
  capacity?: number | null;

  @Field(() => ID, { nullable: true, description: 'The instructor; for teachers, themselves without it.' })
  instructorId?: string | null;
}

/** Describes changes of a course. */
@InputType('UpdateCourseInput', {
  description: 'Changes of a course: what is left out stays, what is null is taken away.',
})
export class UpdateCourseInput {
  @Field(() => ID, { description: 'The course.' })
  id!: string;

  @Field(() => String, { nullable: true, description: 'The title, 255 characters at most.' })
  title?: string | null;

  @Field(() => String, { nullable: true, description: 'What the course is about.' })
  description?: string | null;

  @Field(() => CourseStatus, { nullable: true, description: 'The stage of the course.' })
  status?: CourseStatus | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether everybody can see it.' })
  isPublished?: boolean | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Most ACTIVE enrollments allowed, not below those there are; null: no limit.',
  })
  capacity?: number | null;

  @Field(() => ID, { nullable: true, description: 'The instructor.' })
  instructorId?: string | null;
}

/** Says which course is deleted. */
@InputType('DeleteCourseInput', { description: 'Which course to delete.' })
export class DeleteCourseInput {
  @Field(() => ID, { description: 'The course.' })
  id!: string;
}

/** Describes a new user. */
@InputType('CreateUserInput', { description: 'A new user.' })
export class CreateUserInput {
  @Field(() => String, { description: 'The full name, 255 characters at most.' })
  name!: string;

  @Field(() => String, { description: 'The email address, which no other user has.' })
  email!: string;

  @Field(() => Role, { nullable: true, defaultValue: Role.STUDENT, description: 'What the user may do.' })
  role?: Role | null;
}

/** Says which user is deleted. */
@InputType('DeleteUserInput', { description: 'Which user to delete.' })
export class DeleteUserInput {
  @Field(() => ID, { description: 'The user.' })
  id!: string;
}
