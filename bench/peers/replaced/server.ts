// The way of the app that Rollcall replaces: after each saved enrollment, a signal counts the course's enrollments and
// stores the number, each statement in a transaction of its own. Without Django, so that only the way is measured.
import { createPool, type ResultSetHeader, type RowDataPacket } from 'mysql2';
import { serve } from '../limit/serve.ts';
import { statementsOf } from '../limit/statements.ts';

const url = process.env['DATABASE_URL']!;
const { hostname, port, username, pathname } = new URL(url);
const pool = createPool({
  host: hostname,
  port: Number(port),
  user: username,
  database: pathname.slice(1),
  connectionLimit: 20,
}).promise();

async function enroll(course: number, student: number): Promise<number> {
  const [{ insertId }] = await pool.execute<ResultSetHeader>(
    "insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (?, ?, 'active', now(3), now(3))",
    [course, student],
  );
  const [[counted]] = await pool.execute<RowDataPacket[]>(
    'select count(*) as total from core_enrollments where course_id = ?',
    [course],
  );
  await pool.execute('update core_course set total_enrollments = ? where id = ?', [counted!['total'], course]);
  return insertId;
}

serve({ ...statementsOf(url), enroll }, { duties: true });
