// Fastify and Mercurius with its compiled executor (jit), and SQL by hand in resolvers and loaders, as Mercurius's
// documentation has them.
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import mercurius, { type MercuriusLoaders } from 'mercurius';
import { createPool, type ResultSetHeader, type RowDataPacket } from 'mysql2';

const { hostname, port, username, pathname } = new URL(process.env['DATABASE_URL']!);
const pool = createPool({
  host: hostname,
  port: Number(port),
  user: username,
  database: pathname.slice(1),
  connectionLimit: 20,
  multipleStatements: true,
}).promise();

const schema = readFileSync('schema.graphql', 'utf8');

interface Course {
  readonly id: number;
  readonly title: string;
  readonly totalEnrollments: number;
  readonly instructorId: number | null;
}

const COURSE = 'select id, title, total_enrollments totalEnrollments, instructor_id instructorId from core_course';
const ENROLLMENTS =
  'select e.id, e.status, s.id studentId, s.name from core_enrollments e join core_user s on s.id = e.student_id where e.course_id = ? order by e.id limit ?';
const ENROLL = `start transaction;
update core_course set total_enrollments = total_enrollments + 1, active_enrollments = active_enrollments + 1 where id = ?;
insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (?, ?, 'active', now(3), now(3));
commit`;

async function rows(sql: string, values: readonly (string | number)[]): Promise<RowDataPacket[]> {
  return (await pool.execute<RowDataPacket[]>(sql, values.map(String)))[0];
}

/** Returns the rows of several ids in the order of the ids, by one statement. */
async function byIds(sql: string, ids: readonly number[]): Promise<(RowDataPacket | undefined)[]> {
  const [found] = await pool.query<RowDataPacket[]>(sql, [ids]);
  const byId = new Map(found.map(row => [row['id'] as number, row]));
  return ids.map(id => byId.get(id));
}

const resolvers = {
  Query: {
    courses: async (_: unknown, { after, first }: { after?: string; first: number }) => ({
      nodes: await rows(`${COURSE} where id > ? order by id limit ?`, [after ?? 0, first]),
    }),
    course: async (_: unknown, { id }: { id: string }) => (await rows(`${COURSE} where id = ?`, [id]))[0],
  },
  Mutation: {
    async enroll(_: unknown, { input: { courseId, studentId } }: { input: { courseId: string; studentId: string } }) {
      const connection = await pool.getConnection();
      try {
        const [results] = await connection.query<ResultSetHeader[]>(ENROLL, [courseId, courseId, studentId]);
        return { enrollment: { id: results[2]!.insertId, status: 'ACTIVE' }, userErrors: [] };
      } catch (error) {
        await connection.query('rollback');
        throw error;
      } finally {
        connection.release();
      }
    },
  },
};

const loaders: MercuriusLoaders = {
  Course: {
    enrollmentsCount: {
      // A course comes once in a request, so there is nothing to keep.
      opts: { cache: false },
      async loader(queries: { obj: Course }[]) {
        const counts = await byIds(
          'select course_id id, count(*) count from core_enrollments where course_id in (?) group by course_id',
          queries.map(({ obj }) => obj.id),
        );
        return counts.map(row => ({ count: row?.['count'] ?? 0 }));
      },
    },
    instructor: {
      opts: { cache: false },
      loader: (queries: { obj: Course }[]) =>
        byIds(
          'select id, name from core_user where id in (?)',
          queries.map(({ obj }) => obj.instructorId!),
        ),
    },
    enrollments: {
      opts: { cache: false },
      loader: (queries: { obj: Course; params: { first: number } }[]) =>
        Promise.all(
          queries.map(async ({ obj, params }) => ({
            nodes: (await rows(ENROLLMENTS, [obj.id, params.first])).map(row => ({
              id: row['id'],
              status: String(row['status']).toUpperCase(),
              student: { id: row['studentId'], name: row['name'] },
            })),
          })),
        ),
    },
  },
};

const app = Fastify();
await app.register(mercurius, { schema, resolvers, loaders, jit: 1 });
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
