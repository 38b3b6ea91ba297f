import { randomNumbers } from '../comparison/cases.ts';
import { layOut, type Row, type Table } from '../comparison/rows.ts';

/** The size of the data. */
export interface LargeSize {
  readonly courses: number;
  readonly enrollments: number;
}

/** The rows of a large school: the same for each database and in each run. */
export interface LargeRows {
  readonly tables: readonly Table[];
  /** A teacher of a tenth of all courses, one of as many as most have, and a student. */
  readonly teacherOfMany: number;
  readonly teacher: number;
  readonly student: number;
  /** The course with a tenth of all enrollments, and a course of usual size. */
  readonly largestCourse: number;
  readonly course: number;
}

const TEACHERS = 1000;
const START_MS = Date.UTC(2020, 0, 1);
const HOUR_MS = 3_600_000;
/** The time over which enrollments are spread; each may have been dated up to a tenth of it before its turn. */
const SPAN_MS = 5 * 365 * 24 * HOUR_MS;

/** Of ten courses, one is a draft and one is archived. */
const COURSE_STATUSES = [
  'active',
  'active',
  'active',
  'active',
  'active',
  'active',
  'active',
  'draft',
  'archived',
  'active',
];
/** Of a hundred enrollments, 70 are active, 15 completed, 14 dropped and one is suspended. */
const ENROLLMENT_STATUSES = Array.from({ length: 100 }, (_, at) =>
  at < 70 ? 'active' : at < 85 ? 'completed' : at < 99 ? 'dropped' : 'suspended',
);

/**
 * Lays out the rows. Sizes of courses follow Zipf's law, and their ranks are scattered over the ids. Enrollments of all
 * courses come in a random order, as people enroll, and their times follow the ids roughly.
 */
export function largeRows({ courses, enrollments }: LargeSize): LargeRows {
  const { enrollmentsOf, hotCourse } = layOut({ courses, enrollments, newcomers: 0 });
  const random = randomNumbers(2);
  // More than the enrollments of the largest course, whose students are all different.
  const students = primeAbove(Math.max(TEACHERS, enrollmentsOf[hotCourse - 1]!));
  const order = new Uint32Array(enrollments);
  let filled = 0;
  for (const [index, count] of enrollmentsOf.entries()) {
    order.fill(index + 1, filled, filled + count);
    filled += count;
  }
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  const statusOf = (id: number): string => ENROLLMENT_STATUSES[(id * 37) % ENROLLMENT_STATUSES.length]!;
  const active = new Uint32Array(courses + 1);
  for (const [index, course] of order.entries()) if (statusOf(index + 1) === 'active') active[course]! += 1;

  function* users(): Generator<Row> {
    const date = new Date(START_MS);
    for (let id = 1; id <= TEACHERS + students; id += 1)
      yield [id, `User Number ${id}`, `user${id}@example.test`, id <= TEACHERS ? 'teacher' : 'student', date, date];
  }
  function* coursesInOrder(): Generator<Row> {
    for (let id = 1; id <= courses; id += 1) {
      const status = COURSE_STATUSES[id % COURSE_STATUSES.length]!;
      const created = new Date(START_MS + Math.floor((id / courses) * SPAN_MS));
      const title = `${WORDS[(id * 7) % WORDS.length]} ${WORDS[(id * 3) % WORDS.length]} ${id}`;
      const instructor = id % 10 === 3 ? 1 : 2 + ((id * 13) % (TEACHERS - 1));
      const published = status === 'draft' ? 0 : 1;
      const [total, ofActive] = [enrollmentsOf[id - 1]!, active[id]!];
      yield [id, title, `All about ${title}.`, status, published, instructor, total, ofActive, created, created];
    }
  }
  function* enrollmentsInOrder(): Generator<Row> {
    const taken = new Uint32Array(courses + 1);
    for (const [index, course] of order.entries()) {
      const id = index + 1;
      const nth = taken[course]!;
      taken[course] = nth + 1;
      const student = TEACHERS + 1 + ((course * 31 + nth * 7919) % students);
      const before = (((id * 7919) % 10_007) / 10_007) * 0.1;
      const at = new Date(START_MS + Math.floor((id / enrollments + 0.1 - before) * SPAN_MS));
      yield [id, course, student, statusOf(id), at, at];
    }
  }
  const table = (name: string, columns: string, rows: () => Generator<Row>): Table => ({
    name,
    columns: columns.split(' '),
    rows,
  });
  return {
    tables: [
      table('core_user', 'id name email role created_at updated_at', users),
      table(
        'core_course',
        'id title description status is_published instructor_id total_enrollments active_enrollments created_at updated_at',
        coursesInOrder,
      ),
      table('core_enrollments', 'id course_id student_id status enrolled_at updated_at', enrollmentsInOrder),
    ],
    teacherOfMany: 1,
    teacher: 2,
    student: TEACHERS + 12,
    largestCourse: hotCourse,
    course: enrollmentsOf.findIndex(count => count >= enrollments / courses && count < 3 * (enrollments / courses)) + 1,
  };
}

const WORDS = [
  'Algebra',
  'Biology',
  'Chemistry',
  'Drawing',
  'Ethics',
  'French',
  'Geology',
  'History',
  'Law',
  'Music',
  'Physics',
];

function primeAbove(number: number): number {
  const isPrime = (one: number): boolean => {
    for (let divisor = 2; divisor * divisor <= one; divisor += 1) if (one % divisor === 0) return false;
    return true;
  };
  for (let candidate = number + 1; ; candidate += 1) if (isPrime(candidate)) return candidate;
}
