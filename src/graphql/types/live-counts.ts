import { Field, ID, ObjectType } from 'type-graphql';
import { CourseType } from './objects.js';

/** Tells of a course whose stored counts have changed. */
@ObjectType('CourseCountsChange', {
  description: 'A course whose stored counts have changed, as they are now; those in between may be left out.',
})
export class CourseCountsChangeType {
  @Field(() => ID, { description: 'The number of the course.' })
  courseId!: number;

  @Field(() => CourseType, {
    nullable: true,
    description: 'The course with its counts; null: it was deleted, or the viewer may not see it any more.',
  })
  course!: unknown;
}
