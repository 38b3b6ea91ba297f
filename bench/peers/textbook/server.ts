// Apollo Server, TypeGraphQL and MikroORM as their guides have them: entities go from em.find to GraphQL, relations and
// counts are loaded by MikroORM's dataloaders, and the stored counts are raised by its atomic update.
import 'reflect-metadata';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { Collection, DataloaderType, MikroORM, raw, type EntityManager, type Opt, type Ref } from '@mikro-orm/mysql';
import {
  Entity,
  Enum,
  ManyToOne,
  OneToMany,
  PrimaryKey,
  Property,
  ReflectMetadataProvider,
} from '@mikro-orm/decorators/legacy';
import {
  Arg,
  Ctx,
  Field,
  FieldResolver,
  ID,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
  buildSchema,
  registerEnumType,
} from 'type-graphql';

enum EnrollmentStatus {
  ACTIVE = 'active',
  COMPLETED = 'completed',
  DROPPED = 'dropped',
  SUSPENDED = 'suspended',
}
registerEnumType(EnrollmentStatus, { name: 'EnrollmentStatus' });

@ObjectType()
@Entity({ tableName: 'core_user' })
class User {
  @Field(() => ID)
  @PrimaryKey()
  id!: number;

  @Field(() => String)
  @Property()
  name!: string;

  @Property()
  email!: string;

  @Property()
  role!: string;

  @Property()
  createdAt: Opt<Date> = new Date();

  @Property({ onUpdate: () => new Date() })
  updatedAt: Opt<Date> = new Date();
}

@ObjectType()
@Entity({ tableName: 'core_course' })
class Course {
  @Field(() => ID)
  @PrimaryKey()
  id!: number;

  @Field(() => String)
  @Property()
  title!: string;

  @Property({ type: 'text', nullable: true })
  description?: string;

  @Property()
  status!: string;

  @Property()
  isPublished!: boolean;

  @Property({ nullable: true })
  capacity?: number;

  @ManyToOne(() => User, { ref: true, nullable: true })
  instructor?: Ref<User>;

  @Field(() => Int)
  @Property()
  totalEnrollments: Opt<number> = 0;

  @Property()
  activeEnrollments: Opt<number> = 0;

  @OneToMany(() => Enrollment, (enrollment: Enrollment) => enrollment.course)
  enrollments = new Collection<Enrollment>(this);

  @Property()
  createdAt: Opt<Date> = new Date();

  // Without onUpdate: an enrollment does not change the course's own data.
  @Property()
  updatedAt: Opt<Date> = new Date();
}

@ObjectType()
@Entity({ tableName: 'core_enrollments' })
class Enrollment {
  @Field(() => ID)
  @PrimaryKey()
  id!: number;

  @ManyToOne(() => Course, { ref: true })
  course!: Ref<Course>;

  @ManyToOne(() => User, { ref: true })
  student!: Ref<User>;

  @Field(() => EnrollmentStatus)
  @Enum(() => EnrollmentStatus)
  status!: EnrollmentStatus;

  @Property()
  enrolledAt: Opt<Date> = new Date();

  @Property({ onUpdate: () => new Date() })
  updatedAt: Opt<Date> = new Date();
}

@ObjectType()
class CourseConnection {
  @Field(() => [Course])
  nodes!: Course[];
}

@ObjectType()
class EnrollmentConnection {
  @Field(() => [Enrollment])
  nodes!: Enrollment[];
}

@ObjectType()
class Count {
  @Field(() => Int)
  count!: number;
}

@ObjectType()
class UserError {
  @Field(() => String)
  code!: string;
}

@ObjectType()
class EnrollPayload {
  @Field(() => Enrollment, { nullable: true })
  enrollment?: Enrollment;

  @Field(() => [UserError])
  userErrors!: UserError[];
}

@InputType()
class EnrollInput {
  @Field(() => ID)
  courseId!: string;

  @Field(() => ID)
  studentId!: string;
}

interface Context {
  readonly em: EntityManager;
}

@Resolver(() => Course)
class CourseResolver {
  @Query(() => CourseConnection)
  async courses(
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('first', () => Int) first: number,
    @Ctx() { em }: Context,
  ): Promise<CourseConnection> {
    return {
      nodes: await em.find(Course, { id: { $gt: Number(after ?? 0) } }, { orderBy: { id: 'asc' }, limit: first }),
    };
  }

  @Query(() => Course, { nullable: true })
  course(@Arg('id', () => ID) id: string, @Ctx() { em }: Context): Promise<Course | null> {
    return em.findOne(Course, Number(id));
  }

  @FieldResolver(() => Count)
  async enrollmentsCount(
    @Root() course: Course,
    @Arg('limit', () => Int, { nullable: true }) _limit: number | null,
  ): Promise<Count> {
    return { count: await course.enrollments.loadCount() };
  }

  @FieldResolver(() => User, { nullable: true })
  async instructor(@Root() course: Course): Promise<User | null> {
    return (await course.instructor?.load()) ?? null;
  }

  @FieldResolver(() => EnrollmentConnection, { name: 'enrollments' })
  async firstEnrollments(
    @Root() course: Course,
    @Arg('first', () => Int) first: number,
    @Ctx() { em }: Context,
  ): Promise<EnrollmentConnection> {
    return {
      nodes: await em.find(
        Enrollment,
        { course: course.id },
        { orderBy: { id: 'asc' }, limit: first, populate: ['student'] },
      ),
    };
  }

  @Mutation(() => EnrollPayload)
  async enroll(
    @Arg('input', () => EnrollInput) { courseId, studentId }: EnrollInput,
    @Ctx() { em }: Context,
  ): Promise<EnrollPayload> {
    const enrollment = await em.transactional(async fork => {
      const course = await fork.findOneOrFail(Course, Number(courseId));
      const created = fork.create(Enrollment, {
        course,
        student: Number(studentId),
        status: EnrollmentStatus.ACTIVE,
      });
      course.totalEnrollments = raw('total_enrollments + 1');
      course.activeEnrollments = raw('active_enrollments + 1');
      return created;
    });
    return { enrollment, userErrors: [] };
  }
}

@Resolver(() => Enrollment)
class EnrollmentResolver {
  @FieldResolver(() => User)
  student(@Root() enrollment: Enrollment): Promise<User | null> {
    return enrollment.student.load();
  }
}

const orm = await MikroORM.init({
  metadataProvider: ReflectMetadataProvider,
  entities: [User, Course, Enrollment],
  clientUrl: process.env['DATABASE_URL']!,
  dataloader: DataloaderType.ALL,
  pool: { max: 20 },
});
const schema = await buildSchema({ resolvers: [CourseResolver, EnrollmentResolver] });
await startStandaloneServer(new ApolloServer<Context>({ schema }), {
  listen: { port: Number(process.env['PORT']), host: '127.0.0.1' },
  context: async () => ({ em: orm.em.fork() }),
});
