import { randomNumbers } from './cases.ts';

/** The size of the data. */
export interface Size {
  readonly courses: number;
  readonly enrollments: number;
  /** The users who are in no course until a case enrolls them, each once in a load. */
  readonly newcomers: number;
}

/** The rows of a size: the same for each database and in each run. */
export interface Rows {
  readonly size: Size;
  /** The users: first the teachers, then the students, then the newcomers. */
  readonly teachers: number;
  readonly students: number;
  /** The number of enrollments of each course, by id − 1. */
  readonly enrollmentsOf: readonly number[];
  /** The ids of the courses of case D, and of the hot course of case E, which is the biggest. */
  readonly manyCourses: readonly number[];
  readonly hotCourse: number;
}

/** The share of all enrollments that the biggest course has. */
const BIGGEST_SHARE = 0.1;
const MANY_COURSES = 1000;

/** Lays out the rows: sizes of courses fall with their rank as in Zipf's law, and the ranks are scattered over the ids. */
export function layOut(size: Size): Rows {
  const random = randomNumbers(1);
  const sizes = divided(size.enrollments, zipfWeights(size.courses));
  const ids = shuffled(
    Array.from({ length: size.courses }, (_, index) => index + 1),
    random,
  );
  const enrollmentsOf = Array.from({ length: size.courses }, () => 0);
  for (const [rank, id] of ids.entries()) enrollmentsOf[id - 1] = sizes[rank]!;
  return {
    size,
    teachers: Math.max(10, Math.round(size.courses / 10)),
    // Enough for the biggest course, whose students are all different.
    students: Math.ceil(size.enrollments * 0.15),
    enrollmentsOf,
    manyCourses: shuffled(ids.slice(1), random).slice(0, MANY_COURSES),
    hotCourse: ids[0]!,
  };
}

/** Returns the id of a newcomer, counted from 0. */
export function newcomerId({ teachers, students }: Rows, index: number): number {
  return teachers + students + 1 + index;
}

/** The values of one row, in the order of the columns. */
export type Row = readonly (string | number | Date)[];

/** A table with its columns and its rows, generated one after another. */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: () => Generator<Row>;
}

const START = Date.UTC(2026, 0, 1);
const STATUSES = [
  'active',
  'active',
  'active',
  'active',
  'active',
  'active',
  'active',
  'completed',
  'dropped',
  'suspended',
];

/** Returns the tables in an order in which each row's targets exist before it. */
export function tablesOf(rows: Rows): Table[] {
  return [
    {
      name: 'core_user',
      columns: ['id', 'name', 'email', 'role', 'created_at', 'updated_at'],
      rows: () => users(rows),
    },
    {
      name: 'core_course',
      columns: [
        'id',
        'title',
        'description',
        'status',
        'is_published',
        'instructor_id',
        'total_enrollments',
        'active_enrollments',
        'created_at',
        'updated_at',
      ],
      rows: () => courses(rows),
    },
    {
      name: 'core_enrollments',
      columns: ['id', 'course_id', 'student_id', 'status', 'enrolled_at', 'updated_at'],
      rows: () => enrollments(rows),
    },
  ];
}

function* users({ teachers, students, size: { newcomers } }: Rows): Generator<Row> {
  const date = new Date(START);
  for (let id = 1; id <= teachers + students + newcomers; id += 1)
    yield [id, `User Number ${id}`, `user${id}@example.test`, id <= teachers ? 'teacher' : 'student', date, date];
}

function* courses({ teachers, enrollmentsOf }: Rows): Generator<Row> {
  let first = 1;
  for (const [index, count] of enrollmentsOf.entries()) {
    const id = index + 1;
    let active = 0;
    for (let enrollment = first; enrollment < first + count; enrollment += 1)
      if (statusOf(enrollment) === 'active') active += 1;
    first += count;
    const date = new Date(START + id * 1000);
    const description = 'A paragraph that says what the course is about. '.repeat(4).trim();
    const title = `Course ${id}: an introduction to subject ${id % 317}`;
    yield [id, title, description, 'active', 1, 1 + ((id * 7) % teachers), count, active, date, date];
  }
}

/** Yields a course's students by steps that are coprime to their number, so that no student comes twice. */
function* enrollments({ teachers, students, enrollmentsOf }: Rows): Generator<Row> {
  const step = coprimeTo(students);
  let id = 0;
  for (const [index, count] of enrollmentsOf.entries()) {
    for (let taken = 0; taken < count; taken += 1) {
      id += 1;
      const student = teachers + 1 + ((index * 31 + taken * step) % students);
      const date = new Date(START + id * 1000);
      yield [id, index + 1, student, statusOf(id), date, date];
    }
  }
}

function statusOf(enrollment: number): string {
  return STATUSES[enrollment % STATUSES.length]!;
}

/** Returns weights by rank; the exponent is the one with which the first has BIGGEST_SHARE of the sum. */
function zipfWeights(count: number): number[] {
  let [low, high] = [0, 4];
  const weightsFor = (exponent: number): number[] =>
    Array.from({ length: count }, (_, rank) => (rank + 1) ** -exponent);
  for (let step = 0; step < 40; step += 1) {
    const middle = (low + high) / 2;
    const share = 1 / weightsFor(middle).reduce((sum, weight) => sum + weight, 0);
    if (share < BIGGEST_SHARE) low = middle;
    else high = middle;
  }
  return weightsFor(high);
}

/** Divides a number by weights into whole numbers, whose sum it is. */
function divided(number: number, weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let [sum, given] = [0, 0];
  return weights.map((weight, index) => {
    sum += weight;
    const upTo = index === weights.length - 1 ? number : Math.round((number * sum) / total);
    const own = upTo - given;
    given = upTo;
    return own;
  });
}

function coprimeTo(number: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  for (let step = Math.floor(number * 0.381966) + 1; ; step += 1) if (divisor(step, number) === 1) return step;
}

function shuffled<Value>(values: readonly Value[], random: () => number): Value[] {
  const result = [...values];
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}
