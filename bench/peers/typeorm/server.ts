// TypeORM and Apollo Server: entities from repositories; relations and counts of many rows by DataLoader, as Apollo's
// documentation has it.
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import DataLoader from 'dataloader';
import {
  Column,
  DataSource,
  Entity,
  In,
  JoinColumn,
  ManyToOne,
  MoreThan,
  OneToMany,
  PrimaryGeneratedColumn,
  type Relation,
} from 'typeorm';

/** TypeORM reads BIGINT as text, since not every one fits a number. */
const asNumber = { to: (value: number) => value, from: Number };

@Entity('core_user')
class User {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('varchar')
  name!: string;
}

@Entity('core_course')
class Course {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('varchar')
  title!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('varchar')
  status!: string;

  @Column({ type: 'boolean', name: 'is_published' })
  isPublished!: boolean;

  @Column({ type: 'int', name: 'instructor_id', nullable: true })
  instructorId!: number | null;

  @ManyToOne(() => User)
  @JoinColumn({ name: 'instructor_id' })
  instructor!: Relation<User> | null;

  @Column({ type: 'bigint', name: 'total_enrollments', transformer: asNumber })
  totalEnrollments!: number;

  @Column({ type: 'bigint', name: 'active_enrollments', transformer: asNumber })
  activeEnrollments!: number;

  @OneToMany(() => Enrollment, enrollment => enrollment.course)
  enrollments!: Relation<Enrollment[]>;
}

@Entity('core_enrollments')
class Enrollment {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'int', name: 'course_id' })
  courseId!: number;

  @Column({ type: 'int', name: 'student_id' })
  studentId!: number;

  @ManyToOne(() => Course, course => course.enrollments)
  @JoinColumn({ name: 'course_id' })
  course!: Relation<Course>;

  @ManyToOne(() => User)
  @JoinColumn({ name: 'student_id' })
  student!: Relation<User>;

  @Column('varchar')
  status!: string;

  @Column({ type: 'datetime', name: 'enrolled_at', precision: 3 })
  enrolledAt!: Date;

  @Column({ type: 'datetime', name: 'updated_at', precision: 3 })
  updatedAt!: Date;
}

const database = await new DataSource({
  type: 'mysql',
  url: process.env['DATABASE_URL']!,
  entities: [User, Course, Enrollment],
  poolSize: 20,
}).initialize();
const [users, courses, enrollments] = [
  database.getRepository(User),
  database.getRepository(Course),
  database.getRepository(Enrollment),
];

/** Returns the loaders of a request. */
function loaders() {
  return {
    count: new DataLoader<number, number>(async ids => {
      const found = await enrollments
        .createQueryBuilder('enrollment')
        .select('enrollment.courseId', 'id')
        .addSelect('COUNT(*)', 'count')
        .where({ courseId: In([...ids]) })
        .groupBy('enrollment.courseId')
        .getRawMany<{ id: string; count: string }>();
      const counts = new Map(found.map(({ id, count }) => [Number(id), Number(count)]));
      return ids.map(id => counts.get(id) ?? 0);
    }),
    user: new DataLoader<number, User>(async ids => {
      const found = new Map((await users.findBy({ id: In([...ids]) })).map(user => [Number(user.id), user]));
      return ids.map(id => found.get(Number(id)) ?? new Error(`There is no user ${id}.`));
    }),
  };
}
type Context = ReturnType<typeof loaders>;

const resolvers = {
  EnrollmentStatus: { ACTIVE: 'active', COMPLETED: 'completed', DROPPED: 'dropped', SUSPENDED: 'suspended' },
  Query: {
    courses: async (_: unknown, { after, first }: { after?: string; first: number }) => ({
      nodes: await courses.find({ where: { id: MoreThan(Number(after ?? 0)) }, order: { id: 'ASC' }, take: first }),
    }),
    course: (_: unknown, { id }: { id: string }) => courses.findOneBy({ id: Number(id) }),
  },
  Course: {
    enrollmentsCount: async ({ id }: Course, _: unknown, { count }: Context) => ({
      count: await count.load(Number(id)),
    }),
    instructor: ({ instructorId }: Course, _: unknown, { user }: Context) =>
      instructorId === null ? null : user.load(Number(instructorId)),
    enrollments: async ({ id }: Course, { first }: { first: number }) => ({
      nodes: await enrollments.find({ where: { courseId: id }, order: { id: 'ASC' }, take: first }),
    }),
  },
  Enrollment: {
    student: ({ studentId }: Enrollment, _: unknown, { user }: Context) => user.load(Number(studentId)),
  },
  Mutation: {
    enroll: (_: unknown, { input }: { input: { courseId: string; studentId: string } }) =>
      database.transaction(async manager => {
        const [courseId, studentId] = [Number(input.courseId), Number(input.studentId)];
        const now = new Date();
        const created = manager.create(Enrollment, {
          courseId,
          studentId,
          status: 'active',
          enrolledAt: now,
          updatedAt: now,
        });
        const enrollment = await manager.save(created);
        await manager.increment(Course, { id: courseId }, 'totalEnrollments', 1);
        await manager.increment(Course, { id: courseId }, 'activeEnrollments', 1);
        return { enrollment, userErrors: [] };
      }),
  },
};

const typeDefs = readFileSync('schema.graphql', 'utf8');
await startStandaloneServer(new ApolloServer<Context>({ typeDefs, resolvers }), {
  listen: { port: Number(process.env['PORT']), host: '127.0.0.1' },
  context: async () => loaders(),
});
