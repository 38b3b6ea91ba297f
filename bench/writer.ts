// A writer in a process of its own: it enrolls and unenrolls as fast as it can until it is told to stop, and then sends
// the duration of each change.
import { openDatabase } from '../dist/database/database.js';
import { enroll, unenroll } from '../dist/use-cases/enrollments.js';
import { operator } from '../dist/access/viewer.js';

/** One change of a writer: its moment, in milliseconds since 1970, its duration, and its error. */
export interface Written {
  readonly at: number;
  readonly took: number;
  readonly error: string | null;
}

const [url, hot, loops] = [process.argv[2]!, JSON.parse(process.argv[3]!) as number[], Number(process.argv[4])];
const database = await openDatabase(url);
const [range] = await database.em
  .fork()
  .execute<{ courses: number; first: number; students: number; student: number }[]>(
    'select (select count(*) from core_course) as courses, (select min(id) from core_course) as first, (select count(*) from core_user) as students, (select min(id) from core_user) as student',
  );
const written: Written[] = [];
let over = false;
process.once('message', () => {
  over = true;
});

async function write(): Promise<void> {
  while (!over) {
    const courseId =
      Math.random() < 0.5
        ? hot[Math.floor(Math.random() * hot.length)]!
        : range!.first + Math.floor(Math.random() * range!.courses);
    const studentId = range!.student + Math.floor(Math.random() * range!.students);
    const { value } = await timed(() => enroll(database, operator, { courseId, studentId }));
    if (value) await timed(() => unenroll(database, operator, { enrollmentId: value.enrollment.id }));
  }
}

async function timed<Value>(work: () => Promise<{ value: Value | null }>): Promise<{ value: Value | null }> {
  const start = performance.now();
  let error: string | null = null;
  try {
    return await work();
  } catch (caught) {
    error = String((caught as { code?: string }).code ?? caught);
    return { value: null };
  } finally {
    written.push({ at: performance.timeOrigin + performance.now(), took: performance.now() - start, error });
  }
}

process.send!('ready');
await Promise.all(Array.from({ length: loops }, write));
process.send!(written, () => process.disconnect());
await database.close(true);
