// Prisma with the adapter for MariaDB and MySQL, Pothos with its plugin for Prisma, and GraphQL Yoga: what a query asks
// for becomes the selection of one call of Prisma.
import { createServer } from 'node:http';
import SchemaBuilder from '@pothos/core';
import PrismaPlugin, { queryFromInfo } from '@pothos/plugin-prisma';
import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import { createYoga } from 'graphql-yoga';
import { PrismaClient, type Course, type Enrollment } from './generated/prisma/client.ts';
import { getDatamodel } from './generated/pothos-types.ts';
import type PrismaTypes from './generated/pothos-types.ts';

const { hostname, port, username, pathname } = new URL(process.env['DATABASE_URL']!);
const adapter = new PrismaMariaDb({
  host: hostname,
  port: Number(port),
  user: username,
  database: pathname.slice(1),
  connectionLimit: 20,
  allowPublicKeyRetrieval: true,
});
const prisma = new PrismaClient({ adapter });
const builder = new SchemaBuilder<{ PrismaTypes: PrismaTypes; Scalars: { ID: { Input: string; Output: string } } }>({
  plugins: [PrismaPlugin],
  prisma: { client: prisma, dmmf: getDatamodel() },
});

const EnrollmentStatus = builder.enumType('EnrollmentStatus', {
  values: {
    ACTIVE: { value: 'active' },
    COMPLETED: { value: 'completed' },
    DROPPED: { value: 'dropped' },
    SUSPENDED: { value: 'suspended' },
  } as const,
});

// GraphQL has no ids that are bigints.
builder.prismaObject('User', {
  fields: t => ({
    id: t.id({ select: { id: true }, resolve: ({ id }) => String(id) }),
    name: t.exposeString('name'),
  }),
});

const EnrollmentRef = builder.prismaObject('Enrollment', {
  fields: t => ({
    id: t.id({ select: { id: true }, resolve: ({ id }) => String(id) }),
    status: t.expose('status', { type: EnrollmentStatus }),
    student: t.relation('student'),
  }),
});

const EnrollmentConnection = builder.objectRef<{ nodes: Enrollment[] }>('EnrollmentConnection').implement({
  fields: t => ({ nodes: t.field({ type: [EnrollmentRef], resolve: ({ nodes }) => nodes }) }),
});

const Count = builder.objectRef<{ count: number }>('Count').implement({
  fields: t => ({ count: t.exposeInt('count') }),
});

const CourseRef = builder.prismaObject('Course', {
  fields: t => ({
    id: t.id({ select: { id: true }, resolve: ({ id }) => String(id) }),
    title: t.exposeString('title'),
    totalEnrollments: t.int({
      select: { totalEnrollments: true },
      resolve: ({ totalEnrollments }) => Number(totalEnrollments),
    }),
    enrollmentsCount: t.field({
      type: Count,
      args: { limit: t.arg.int() },
      select: { _count: { select: { enrollments: true } } },
      resolve: ({ _count }) => ({ count: _count.enrollments }),
    }),
    instructor: t.relation('instructor', { nullable: true }),
    enrollments: t.field({
      type: EnrollmentConnection,
      args: { first: t.arg.int({ required: true }) },
      select: ({ first }, _context, nested) => ({
        enrollments: nested({ take: first, orderBy: { id: 'asc' } }, ['nodes']) as {
          take: number;
          orderBy: { id: 'asc' };
        },
      }),
      resolve: ({ enrollments }) => ({ nodes: enrollments }),
    }),
  }),
});

const CourseConnection = builder.objectRef<{ nodes: Course[] }>('CourseConnection').implement({
  fields: t => ({ nodes: t.field({ type: [CourseRef], resolve: ({ nodes }) => nodes }) }),
});

builder.queryType({
  fields: t => ({
    courses: t.field({
      type: CourseConnection,
      args: { after: t.arg.string(), first: t.arg.int({ required: true }) },
      resolve: async (_root, { after, first }, context, info) => ({
        nodes: await prisma.course.findMany({
          ...queryFromInfo({ context, info, typeName: 'Course', path: ['nodes'] }),
          where: { id: { gt: BigInt(after ?? 0) } },
          orderBy: { id: 'asc' },
          take: first,
        }),
      }),
    }),
    course: t.prismaField({
      type: 'Course',
      nullable: true,
      args: { id: t.arg.id({ required: true }) },
      resolve: (query, _root, { id }) => prisma.course.findUnique({ ...query, where: { id: BigInt(id) } }),
    }),
  }),
});

const UserError = builder.objectRef<{ code: string }>('UserError').implement({
  fields: t => ({ code: t.exposeString('code') }),
});
const EnrollPayload = builder
  .objectRef<{ enrollment: Enrollment; userErrors: { code: string }[] }>('EnrollPayload')
  .implement({
    fields: t => ({
      enrollment: t.field({ type: EnrollmentRef, nullable: true, resolve: ({ enrollment }) => enrollment }),
      userErrors: t.field({ type: [UserError], resolve: ({ userErrors }) => userErrors }),
    }),
  });
const EnrollInput = builder.inputType('EnrollInput', {
  fields: t => ({ courseId: t.id({ required: true }), studentId: t.id({ required: true }) }),
});

builder.mutationType({
  fields: t => ({
    enroll: t.field({
      type: EnrollPayload,
      args: { input: t.arg({ type: EnrollInput, required: true }) },
      async resolve(_root, { input }) {
        const [courseId, studentId] = [BigInt(input.courseId), BigInt(input.studentId)];
        const [enrollment] = await prisma.$transaction([
          prisma.enrollment.create({ data: { courseId, studentId } }),
          prisma.course.update({
            where: { id: courseId },
            data: { totalEnrollments: { increment: 1 }, activeEnrollments: { increment: 1 } },
          }),
        ]);
        return { enrollment, userErrors: [] };
      },
    }),
  }),
});

createServer(createYoga({ schema: builder.toSchema(), maskedErrors: false })).listen(
  Number(process.env['PORT']),
  '127.0.0.1',
);
