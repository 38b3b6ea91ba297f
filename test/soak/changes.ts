import { setTimeout as delay } from 'node:timers/promises';
import { change, mutationOf, outcomeOf, pick, type Outcome, type Payload } from '../crash/load.ts';
import type { Ledger } from '../crash/ledger.ts';
import { checkPayload } from './answer-checks.ts';
import type { Calls } from './calls.ts';
import { randomLeave } from './leaving.ts';
import type { Problems } from './problems.ts';
import type { Table } from './queries.ts';
import type { School } from './school.ts';
import type { StudentPool } from './student-pool.ts';
import { TrackedRows } from './tracked-rows.ts';

/** The part of the changes that create and delete a course, and of those that create and delete a user. */
const LIFE_CYCLES = 0.05;
const MAX_STUDENTS_OF_COURSE = 4;
/** The pause before a change for which no student was free, in milliseconds. */
const PAUSE_MS = 20;
const ENROLLMENT_TABLES: readonly Table[] = ['core_course', 'core_enrollments', 'core_user'];

/** A mutation with the tables and courses that it concerns, and the selection of its payload. */
interface Mutation {
  readonly name: string;
  readonly tables: readonly Table[];
  readonly courses: readonly string[];
  readonly input: object;
  readonly selection: string;
}

/** The changes of a load, which keep a record of what was acknowledged. */
export class Changes {
  readonly courses = new TrackedRows();
  readonly users = new TrackedRows();
  readonly #calls: Calls;
  readonly #school: School;
  readonly #pool: StudentPool;
  readonly #ledger: Ledger;
  readonly #problems: Problems;
  #sequence = 0;

  constructor(calls: Calls, school: School, pool: StudentPool, ledger: Ledger, problems: Problems) {
    this.#calls = calls;
    this.#school = school;
    this.#pool = pool;
    this.#ledger = ledger;
    this.#problems = problems;
  }

  /** Makes a random change: of an enrollment, or of a course or a user that is created and deleted. */
  async random(): Promise<void> {
    const way = Math.random();
    if (way < LIFE_CYCLES) return this.courseLifeCycle();
    if (way < 2 * LIFE_CYCLES) return this.userLifeCycle();
    const reserved = this.#pool.reserve(({ state }) => state !== 'unknown', 1);
    const [student] = reserved;
    if (student === undefined) return;
    try {
      await change(
        async (name, mutation, courses) => {
          const result = await this.#calls.send(
            { name, kind: 'write', tables: ENROLLMENT_TABLES, courses },
            this.#school.admin,
            mutation,
            randomLeave(),
          );
          if (typeof result === 'string') return null;
          checkPayload(name, result.answer, this.#haveFewSeats(courses), this.#problems);
          return result.answer;
        },
        student,
        this.#school.courses,
        this.#ledger,
      );
    } finally {
      this.#pool.release(reserved);
    }
  }

  /** Enrolls half of the students, many at a time. */
  async enrollHalf(): Promise<void> {
    const half = this.#school.students.filter((_, index) => index % 2 === 0);
    const courses = this.#school.courses.slice(1);
    await Promise.all(
      courses.map((course, place) =>
        this.#enrollMany(
          course,
          half.filter((_, index) => index % courses.length === place),
        ),
      ),
    );
  }

  /** Enrolls a student in a course. */
  async enrollIn(course: string): Promise<void> {
    const students = this.#pool.reserve(({ state }) => state === 'gone', 1);
    if (students.length === 0) {
      await delay(PAUSE_MS);
      return;
    }
    await this.#enrollMany(course, students);
    this.#pool.release(students);
  }

  /** Creates a course with a long description, which needs room of its own. */
  async createLargeCourse(): Promise<void> {
    const title = `Large ${++this.#sequence}`;
    const input = { title, description: 'x'.repeat(60_000) };
    const mutation = { name: 'createCourse', tables: ['core_course'], courses: [], input, selection: '' } as const;
    this.courses.created(title, (await this.#send(mutation)).outcome);
  }

  /** Creates a course, enrolls students, and deletes it. */
  async courseLifeCycle(): Promise<void> {
    const students = this.#pool.reserve(({ state }) => state === 'gone', MAX_STUDENTS_OF_COURSE);
    try {
      const title = `Passing ${++this.#sequence}`;
      const created = await this.#send({
        name: 'createCourse',
        tables: ['core_course'],
        courses: [],
        input: { title, isPublished: true, status: 'ACTIVE' },
        selection: 'course { id }',
      });
      this.courses.created(title, created.outcome);
      const id = (created.payload as { course?: { id: string } } | null)?.course?.id;
      if (created.outcome !== 'done' || id === undefined) return;
      if (students.length > 0) await this.#enrollMany(id, students);
      const { outcome } = await this.#send({
        name: 'deleteCourse',
        tables: ['core_course', 'core_enrollments'],
        courses: [id],
        input: { id },
        selection: 'deletedId',
      });
      this.courses.deleted(title, outcome);
      for (const student of students) this.#recordDeletion(student, outcome);
    } finally {
      this.#pool.release(students);
    }
  }

  /** Creates a student, enrolls and deletes it. */
  async userLifeCycle(): Promise<void> {
    const [email, course] = [`passing-${++this.#sequence}@example.org`, pick(this.#school.courses.slice(1))];
    const created = await this.#send({
      name: 'createUser',
      tables: ['core_user'],
      courses: [],
      input: { name: 'Passing', email },
      selection: 'user { id }',
    });
    this.users.created(email, created.outcome);
    const id = (created.payload as { user?: { id: string } } | null)?.user?.id;
    if (created.outcome !== 'done' || id === undefined) return;
    this.#pool.keep(id);
    await this.#enrollMany(course, [id]);
    const { outcome } = await this.#send({
      name: 'deleteUser',
      tables: ['core_user', 'core_course', 'core_enrollments'],
      courses: [course],
      input: { id },
      selection: 'deletedId',
    });
    this.users.deleted(email, outcome);
    this.#recordDeletion(id, outcome);
  }

  /** Moves one student from a course to another through another server, and records the outcome. */
  async moveThrough(url: string, from: string, to: string): Promise<void> {
    const reserved = this.#pool.reserve(known => known.state === 'there' && known.course === from, 1);
    const [student] = reserved;
    if (student === undefined) throw new Error(`Nobody is in course ${from}. Give the soak more students.`);
    const known = this.#ledger.know(student) as { id: string; status: string };
    const result = await this.#calls.sendElsewhere(
      url,
      this.#school.admin,
      mutationOf('transferEnrollment', { enrollmentId: known.id, courseId: to }, ''),
    );
    const outcome = outcomeOf(typeof result === 'string' ? null : result.answer);
    if (outcome === 'done') this.#ledger.acknowledge(student, { state: 'there', ...known, course: to });
    else if (outcome === 'refused') this.#ledger.refuse();
    else this.#ledger.lose(student);
    this.#pool.release(reserved);
  }

  /** Records the outcome of deleting the course or the user of an enrollment that existed. */
  #recordDeletion(student: string, outcome: Outcome): void {
    if (this.#ledger.know(student).state !== 'there') return;
    if (outcome === 'done') this.#ledger.acknowledge(student, { state: 'gone' });
    else if (outcome === 'refused') this.#ledger.refuse();
    else this.#ledger.lose(student);
  }

  /** Enrolls students who are in no course. */
  async #enrollMany(course: string, students: readonly string[]): Promise<void> {
    const { outcome, payload } = await this.#send({
      name: 'enrollMany',
      tables: ENROLLMENT_TABLES,
      courses: [course],
      input: { courseId: course, studentIds: students },
      selection: 'enrollments { id status student { id } }',
    });
    if (outcome === 'refused') return this.#ledger.refuse();
    if (outcome === 'unknown') return students.forEach(student => this.#ledger.lose(student));
    const made = (payload as unknown as { enrollments: { id: string; status: string; student: { id: string } }[] })
      .enrollments;
    for (const { id, status, student } of made)
      this.#ledger.acknowledge(student.id, { state: 'there', id, course, status: status.toLowerCase() });
    if (made.length !== students.length)
      this.#problems.add(
        'enrollMany has left out a student without an error',
        JSON.stringify({ course, students, made }),
      );
  }

  async #send(mutation: Mutation): Promise<{ outcome: Outcome; payload: Payload | null }> {
    const { name, tables, courses, input, selection } = mutation;
    const result = await this.#calls.send(
      { name, kind: 'write', tables, courses },
      this.#school.admin,
      mutationOf(name, input, selection),
    );
    const answer = typeof result === 'string' ? null : result.answer;
    if (answer) checkPayload(name, answer, this.#haveFewSeats(courses), this.#problems);
    return { outcome: outcomeOf(answer), payload: Object.values(answer?.data ?? {})[0] ?? null };
  }

  #haveFewSeats(courses: readonly string[]): boolean {
    return courses.includes(this.#school.courses[0]!);
  }
}
