// Drizzle and GraphQL Yoga: the count is Drizzle's $count in the same statement, the course's page its relational query.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { asc, eq, gt, relations, sql } from 'drizzle-orm';
import { bigint, datetime, mysqlEnum, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { drizzle } from 'drizzle-orm/mysql2';
import type { GraphQLResolveInfo, SelectionSetNode } from 'graphql';
import { createSchema, createYoga } from 'graphql-yoga';
import { createPool } from 'mysql2/promise';

const id = () => bigint({ mode: 'number', unsigned: true });

const users = mysqlTable('core_user', {
  id: id().primaryKey().autoincrement(),
  name: varchar({ length: 255 }).notNull(),
});

const courses = mysqlTable('core_course', {
  id: id().primaryKey().autoincrement(),
  title: varchar({ length: 255 }).notNull(),
  instructorId: bigint('instructor_id', { mode: 'number', unsigned: true }),
  totalEnrollments: bigint('total_enrollments', { mode: 'number', unsigned: true }).notNull().default(0),
  activeEnrollments: bigint('active_enrollments', { mode: 'number', unsigned: true }).notNull().default(0),
});

const enrollments = mysqlTable('core_enrollments', {
  id: id().primaryKey().autoincrement(),
  courseId: bigint('course_id', { mode: 'number', unsigned: true }).notNull(),
  studentId: bigint('student_id', { mode: 'number', unsigned: true }).notNull(),
  status: mysqlEnum(['active', 'completed', 'dropped', 'suspended']).notNull().default('active'),
  enrolledAt: datetime('enrolled_at', { fsp: 3 }).notNull(),
  updatedAt: datetime('updated_at', { fsp: 3 }).notNull(),
});

const courseRelations = relations(courses, ({ one, many }) => ({
  instructor: one(users, { fields: [courses.instructorId], references: [users.id] }),
  enrollments: many(enrollments),
}));

const enrollmentRelations = relations(enrollments, ({ one }) => ({
  course: one(courses, { fields: [enrollments.courseId], references: [courses.id] }),
  student: one(users, { fields: [enrollments.studentId], references: [users.id] }),
}));

const { hostname, port, username, pathname } = new URL(process.env['DATABASE_URL']!);
const pool = createPool({
  host: hostname,
  port: Number(port),
  user: username,
  database: pathname.slice(1),
  connectionLimit: 20,
});
const db = drizzle(pool, {
  schema: { users, courses, enrollments, courseRelations, enrollmentRelations },
  mode: 'default',
});

/** Returns true if a field is asked for, of the field itself or of its nodes. */
function asksFor(name: string, selections: SelectionSetNode | undefined): boolean {
  return (selections?.selections ?? []).some(
    one =>
      one.kind === 'Field' &&
      (one.name.value === name || (one.name.value === 'nodes' && asksFor(name, one.selectionSet))),
  );
}

const resolvers = {
  EnrollmentStatus: { ACTIVE: 'active', COMPLETED: 'completed', DROPPED: 'dropped', SUSPENDED: 'suspended' },
  Query: {
    async courses(
      _: unknown,
      { after, first }: { after?: string; first: number },
      _context: unknown,
      info: GraphQLResolveInfo,
    ) {
      const counted = asksFor('enrollmentsCount', info.fieldNodes[0]!.selectionSet);
      const nodes = await db
        .select({
          id: courses.id,
          title: courses.title,
          totalEnrollments: courses.totalEnrollments,
          ...(counted && { count: db.$count(enrollments, eq(enrollments.courseId, courses.id)) }),
        })
        .from(courses)
        .where(gt(courses.id, Number(after ?? 0)))
        .orderBy(asc(courses.id))
        .limit(first);
      return { nodes };
    },
    course: (_: unknown, { id: course }: { id: string }) =>
      db.query.courses.findFirst({
        where: eq(courses.id, Number(course)),
        columns: { id: true, title: true, totalEnrollments: true },
        with: {
          instructor: { columns: { id: true, name: true } },
          enrollments: {
            columns: { id: true, status: true },
            orderBy: asc(enrollments.id),
            limit: 20,
            with: { student: { columns: { id: true, name: true } } },
          },
        },
      }),
  },
  Course: {
    enrollmentsCount: ({ count }: { count: number }) => ({ count }),
    enrollments: (course: { enrollments: unknown[] }, { first }: { first: number }) => ({
      nodes: course.enrollments.slice(0, first),
    }),
  },
  Mutation: {
    enroll: (_: unknown, { input }: { input: { courseId: string; studentId: string } }) =>
      db.transaction(async transaction => {
        const courseId = Number(input.courseId);
        const now = new Date();
        const [{ insertId }] = await transaction
          .insert(enrollments)
          .values({ courseId, studentId: Number(input.studentId), enrolledAt: now, updatedAt: now });
        await transaction
          .update(courses)
          .set({
            totalEnrollments: sql`${courses.totalEnrollments} + 1`,
            activeEnrollments: sql`${courses.activeEnrollments} + 1`,
          })
          .where(eq(courses.id, courseId));
        return { enrollment: { id: insertId, status: 'active' }, userErrors: [] };
      }),
  },
};

const schema = createSchema({ typeDefs: readFileSync('schema.graphql', 'utf8'), resolvers });
createServer(createYoga({ schema, maskedErrors: false })).listen(Number(process.env['PORT']), '127.0.0.1');
