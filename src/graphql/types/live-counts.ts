import type { Key } from '../../entities/index.js';
import { Field, ID, ObjectType } from 'type-graphql';
import { CourseType } from './objects.js';

/** A message about a course whose stored counts have changed. */
@ObjectType('CourseCountsChange', {
  simpleResolvers: true,
  description:
    'A course whose stored counts have changed, with the present counts; intermediate counts may be skipped.',
})
export class CourseCountsChangeType {
  @Field(() => ID, { description: 'The number of the course.' })
  courseId!: Key;

  @Field(() => CourseType, {
    nullable: true,
    description: 'The course with its counts; null: it was deleted, or the viewer may no longer see it.',
  })
  course!: unknown;
}
