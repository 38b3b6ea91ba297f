import { setTimeout as delay } from 'node:timers/promises';
import {
  change,
  mutationOf,
  outcomeOf,
  pick,
  type Answer,
  type Operation,
  type Outcome,
  type Payload,
} from '../crash/load.ts';
import { Ledger } from '../crash/ledger.ts';
import { Caller, type Ended } from './caller.ts';
import type { Problems } from './problems.ts';
import { NEWEST, reads, RUNS, type Table } from './reads.ts';
import type { Call, CallKind, Group, Phase } from './tally.ts';
import { Things } from './things.ts';

/** How often it is looked which calls are due, in milliseconds. */
const TICK_MS = 20;
/** How often /readyz is asked, a second, unless it has not answered yet. */
const READY_RATE = 2;
/** The part of the calls whose callers leave before they have their answer, and after how many milliseconds at most. */
const LEAVING = 0.01;
const MAX_STAY_MS = 10;
/** The part of the changes that begin the life of a course, or of a user. */
const LIVES = 0.05;
const MAX_OF_COURSE = 4;

/** What a call is about. */
export interface About {
  readonly name: string;
  readonly kind: CallKind;
  readonly tables: readonly Table[];
  readonly courses: readonly string[];
}

/** Whom and what there is to call for. */
export interface School {
  readonly url: string;
  readonly admin: string;
  /** Tokens of students. */
  readonly studentTokens: readonly string[];
  /** The students that the load enrolls; nobody else does. */
  readonly students: readonly string[];
  /** Courses that stay; the first has few seats. */
  readonly courses: readonly string[];
}

/** Judges calls as they end, and says which of them a fault touches. */
export interface Judge {
  readonly phase: Phase;
  readonly groupOf: (about: About) => Group;
  /** Takes a call with the answer's first message, if it had an error. */
  readonly ended: (call: Call, message: string) => void;
}

/** Sends reads and changes at a steady rate, whatever becomes of them, and keeps what was acknowledged. */
export class Load {
  readonly ledger = new Ledger();
  readonly courses = new Things();
  readonly users = new Things();
  readonly #school: School;
  readonly #rates: { readonly reads: number; readonly writes: number };
  readonly #problems: Problems;
  readonly #judge: Judge;
  readonly #caller = new Caller();
  readonly #busy = new Set<string>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #changing = new Set<Promise<unknown>>();
  #mayChange = true;
  #isAskingReady = false;
  #sequence = 0;
  #readsSent = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Changes that were due, and for which no student was free. */
  notSent = 0;

  constructor(
    school: School,
    rates: { readonly reads: number; readonly writes: number },
    problems: Problems,
    judge: Judge,
  ) {
    this.#school = school;
    this.#rates = rates;
    this.#problems = problems;
    this.#judge = judge;
  }

  /** Begins to send, or goes on. */
  start(): void {
    const due = { read: 0, write: 0, ready: 1 };
    let last = performance.now();
    this.#timer = setInterval(() => {
      const [now, before] = [performance.now(), last];
      last = now;
      const seconds = (now - before) / 1000;
      due.read += seconds * this.#rates.reads;
      due.write += seconds * this.#rates.writes;
      due.ready += seconds * READY_RATE;
      for (; due.read >= 1; due.read -= 1) this.#follow(this.#read());
      for (; due.write >= 1; due.write -= 1) if (this.#mayChange) this.#follow(this.#write(), this.#changing);
      for (; due.ready >= 1; due.ready -= 1) if (!this.#isAskingReady) this.#follow(this.#ready());
    }, TICK_MS);
  }

  /** Sends nothing more, and resolves once each call has ended. */
  async pause(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#caller.rest();
  }

  /** Resolves once each call that is under way now has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Does the same again and again, in several lines at once, until the function that it gives is called. */
  repeat(lines: number, work: () => Promise<unknown>): () => Promise<void> {
    let goesOn = true;
    const done = Array.from({ length: lines }, async () => {
      while (goesOn) await work();
    });
    for (const line of done) this.#follow(line);
    return async () => {
      goesOn = false;
      await Promise.all(done);
    };
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

  /** Has a query that is asked for again and again asked once. */
  async readNewest(): Promise<void> {
    await this.#ask(
      { name: 'newest', kind: 'read', tables: ['core_course', 'core_enrollments', 'core_user'], courses: [] },
      this.#school.admin,
      { query: NEWEST, variables: {} },
    );
  }

  async readRuns(): Promise<void> {
    await this.#ask({ name: 'runs', kind: 'read', tables: ['core_recount_runs'], courses: [] }, this.#school.admin, {
      query: RUNS,
      variables: {},
    });
  }

  /** Enrolls a student in a course. */
  async enrollIn(course: string): Promise<void> {
    const students = this.#reserve(({ state }) => state === 'gone', 1);
    if (students.length === 0) {
      await delay(TICK_MS);
      return;
    }
    await this.#enrollMany(course, students);
    for (const student of students) this.#busy.delete(student);
  }

  /** Makes a course with a long description, which needs room of its own. */
  async makeLargeCourse(): Promise<void> {
    const title = `Large ${++this.#sequence}`;
    const { outcome } = await this.#change(
      'createCourse',
      ['core_course'],
      [],
      { title, description: 'x'.repeat(60_000) },
      '',
    );
    this.courses.made(title, outcome);
  }

  /** Makes a course, enrolls students, and deletes it. */
  async courseLife(): Promise<void> {
    const students = this.#reserve(({ state }) => state === 'gone', MAX_OF_COURSE);
    try {
      const title = `Passing ${++this.#sequence}`;
      const made = await this.#change(
        'createCourse',
        ['core_course'],
        [],
        { title, isPublished: true, status: 'ACTIVE' },
        'course { id }',
      );
      this.courses.made(title, made.outcome);
      const id = (made.payload as { course?: { id: string } } | null)?.course?.id;
      if (made.outcome !== 'done' || id === undefined) return;
      if (students.length > 0) await this.#enrollMany(id, students);
      const { outcome } = await this.#change(
        'deleteCourse',
        ['core_course', 'core_enrollments'],
        [id],
        { id },
        'deletedId',
      );
      this.courses.deleted(title, outcome);
      for (const student of students) if (this.ledger.know(student).state === 'there') this.#note(student, outcome);
    } finally {
      for (const student of students) this.#busy.delete(student);
    }
  }

  /** Makes a student, enrolls them, and deletes them. */
  async userLife(): Promise<void> {
    const [email, course] = [`passing-${++this.#sequence}@example.org`, pick(this.#school.courses.slice(1))];
    const made = await this.#change('createUser', ['core_user'], [], { name: 'Passing', email }, 'user { id }');
    this.users.made(email, made.outcome);
    const id = (made.payload as { user?: { id: string } } | null)?.user?.id;
    if (made.outcome !== 'done' || id === undefined) return;
    this.#busy.add(id);
    await this.#enrollMany(course, [id]);
    const { outcome } = await this.#change(
      'deleteUser',
      ['core_user', 'core_course', 'core_enrollments'],
      [course],
      { id },
      'deletedId',
    );
    this.users.deleted(email, outcome);
    if (this.ledger.know(id).state === 'there') this.#note(id, outcome);
  }

  /** Has another server move one student from a course to another; what it answers is kept as any answer is. */
  async moveBy(url: string, from: string, to: string): Promise<void> {
    const [student] = this.#reserve(known => known.state === 'there' && known.course === from, 1);
    if (student === undefined) throw new Error(`Nobody is in course ${from}. Give the soak more students.`);
    const known = this.ledger.know(student) as { id: string; status: string };
    const ended = await this.#caller.post(
      url,
      this.#school.admin,
      mutationOf('transferEnrollment', { enrollmentId: known.id, courseId: to }, ''),
    );
    const outcome = outcomeOf(typeof ended === 'string' ? null : ended.answer);
    if (outcome === 'done') this.ledger.acknowledge(student, { state: 'there', ...known, course: to });
    else if (outcome === 'refused') this.ledger.refuse();
    else this.ledger.lose(student);
    this.#busy.delete(student);
  }

  /** Lets no change begin while work is done, and none be under way; reads go on. */
  async undisturbed<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#mayChange = false;
    await Promise.all(this.#changing);
    try {
      return await work();
    } finally {
      this.#mayChange = true;
    }
  }

  /** Notes what came of removing an enrollment that was there. */
  #note(student: string, outcome: Outcome): void {
    if (outcome === 'done') this.ledger.acknowledge(student, { state: 'gone' });
    else if (outcome === 'refused') this.ledger.refuse();
    else this.ledger.lose(student);
  }

  /** Enrolls students who are in no course. */
  async #enrollMany(course: string, students: readonly string[]): Promise<void> {
    const { outcome, payload } = await this.#change(
      'enrollMany',
      ['core_course', 'core_enrollments', 'core_user'],
      [course],
      { courseId: course, studentIds: students },
      'enrollments { id status student { id } }',
    );
    if (outcome === 'refused') return this.ledger.refuse();
    if (outcome === 'unknown') return students.forEach(student => this.ledger.lose(student));
    const made = (payload as unknown as { enrollments: { id: string; status: string; student: { id: string } }[] })
      .enrollments;
    for (const { id, status, student } of made)
      this.ledger.acknowledge(student.id, { state: 'there', id, course, status: status.toLowerCase() });
    if (made.length !== students.length)
      this.#problems.add(
        'enrollMany has left somebody out and told nobody why',
        JSON.stringify({ course, students, made }),
      );
  }

  #follow(work: Promise<unknown>, also?: Set<Promise<unknown>>): void {
    for (const all of [this.#underWay, also]) {
      all?.add(work);
      void work.finally(() => all?.delete(work));
    }
  }

  async #ready(): Promise<void> {
    const about: About = { name: '/readyz', kind: 'ready', tables: [], courses: [] };
    this.#isAskingReady = true;
    await this.#timed(about, this.#caller.get(this.#school.url.replace('/graphql', '/readyz')));
    this.#isAskingReady = false;
  }

  async #read(): Promise<void> {
    const read = reads[this.#readsSent++ % reads.length]!;
    const [course, student] = [pick(this.#school.courses), pick(this.#school.students)];
    const known = this.ledger.know(student);
    const isFree = !this.#busy.has(student);
    const token = { anyone: null, admin: this.#school.admin, student: pick(this.#school.studentTokens) }[read.as];
    const ended = await this.#ask(
      { name: read.name, kind: 'read', tables: read.tables, courses: [] },
      token,
      { query: read.query, variables: { course, student } },
      staying(),
    );
    if (typeof ended === 'string' || ended.answer.errors) return;
    if (read.name === 'verify') this.#lookAtVerify(ended.answer);
    // What nobody has changed since the question is as it was acknowledged.
    if (read.name === 'of a student' && isFree && known === this.ledger.know(student) && !this.#busy.has(student))
      this.#lookAtStudent(student, ended.answer);
  }

  #lookAtVerify({ data }: Answer): void {
    const { ok } = (data as unknown as { verifyEnrollmentCounts: { ok: boolean } }).verifyEnrollmentCounts;
    if (!ok) this.#problems.add('a verify has found drift', JSON.stringify(data));
  }

  #lookAtStudent(student: string, { data }: Answer): void {
    const known = this.ledger.know(student);
    const { nodes } = (
      data as unknown as { enrollments: { nodes: { id: string; status: string; course: { id: string } }[] } }
    ).enrollments;
    const told = nodes.map(({ id, status, course }) => `${id} ${course.id} ${status.toLowerCase()}`);
    const right = known.state === 'there' ? [`${known.id} ${known.course} ${known.status}`] : [];
    if (known.state !== 'unknown' && told.join() !== right.join())
      this.#problems.add(
        'a student’s enrollment was read other than it was acknowledged',
        JSON.stringify({ student, told, right }),
      );
  }

  async #write(): Promise<void> {
    const way = Math.random();
    if (way < LIVES) return this.courseLife();
    if (way < 2 * LIVES) return this.userLife();
    const [student] = this.#reserve(({ state }) => state !== 'unknown', 1);
    if (student === undefined) {
      this.notSent += 1;
      return;
    }
    try {
      await change(
        async (name, mutation, courses) => {
          const ended = await this.#ask(
            { name, kind: 'write', tables: ['core_course', 'core_enrollments', 'core_user'], courses },
            this.#school.admin,
            mutation,
            staying(),
          );
          if (typeof ended === 'string') return null;
          this.#lookAtPayload(name, ended.answer, courses);
          return ended.answer;
        },
        student,
        this.#school.courses,
        this.ledger,
      );
    } finally {
      this.#busy.delete(student);
    }
  }

  /**
   * Finds an answer without what it acknowledges, and what a caller was told to mend that is not so: only the first
   * course can be full, and all else is as the ledger has it.
   */
  #lookAtPayload(name: string, answer: Answer, courses: readonly string[]): void {
    const payload = Object.values(answer.data ?? {})[0];
    const mistakes = payload?.userErrors ?? [];
    if (!answer.errors && mistakes.length === 0 && payload?.enrollment === null)
      this.#problems.add(`${name} was acknowledged, and its enrollment is not there`);
    for (const { code, message } of mistakes) {
      if (code === 'COURSE_FULL' && courses.includes(this.#school.courses[0]!)) continue;
      this.#problems.add(`${name} was refused with ${code}, which is not so`, message);
    }
  }

  async #change(
    name: string,
    tables: readonly Table[],
    courses: readonly string[],
    input: object,
    selection: string,
  ): Promise<{ outcome: Outcome; payload: Payload | null }> {
    const ended = await this.#ask(
      { name, kind: 'write', tables, courses },
      this.#school.admin,
      mutationOf(name, input, selection),
    );
    const answer = typeof ended === 'string' ? null : ended.answer;
    if (answer) this.#lookAtPayload(name, answer, courses);
    return { outcome: outcomeOf(answer), payload: Object.values(answer?.data ?? {})[0] ?? null };
  }

  #ask(about: About, token: string | null, operation: Operation, leaveAfterMs?: number): Promise<Ended> {
    return this.#timed(about, this.#caller.post(this.#school.url, token, operation, leaveAfterMs));
  }

  async #timed(about: About, ending: Promise<Ended>): Promise<Ended> {
    const [start, phase, group] = [performance.now(), this.#judge.phase, this.#judge.groupOf(about)];
    const ended = await ending;
    const call: Call = {
      name: about.name,
      kind: about.kind,
      phase,
      group,
      code: codeOf(about, ended),
      milliseconds: performance.now() - start,
    };
    this.#judge.ended(
      call,
      typeof ended === 'string'
        ? ''
        : (ended.answer.errors?.[0]?.message ?? JSON.stringify(ended.answer).slice(0, 300)),
    );
    return ended;
  }

  /** Takes up to so many students of whom that is known, at random, for one caller alone. */
  #reserve(isWanted: (known: ReturnType<Ledger['know']>) => boolean, count: number): string[] {
    const { students } = this.#school;
    const start = Math.floor(Math.random() * students.length);
    const found: string[] = [];
    for (let index = 0; index < students.length && found.length < count; index += 1) {
      const student = students[(start + index) % students.length]!;
      if (!this.#busy.has(student) && isWanted(this.ledger.know(student))) found.push(student);
    }
    for (const student of found) this.#busy.add(student);
    return found;
  }
}

/** Says after how long a caller leaves, in milliseconds; undefined, as a rule: it stays. */
function staying(): number | undefined {
  return Math.random() < LEAVING ? Math.random() * MAX_STAY_MS : undefined;
}

/** Names what a caller was told. */
function codeOf({ kind }: About, ended: Ended): string {
  if (typeof ended === 'string') return ended === 'left' ? 'left' : 'NO_ANSWER';
  const { status, answer } = ended;
  if (kind === 'ready') return status === 200 ? 'ok' : String(status);
  if (answer.errors) return answer.errors[0]?.extensions?.code ?? 'NO_CODE';
  return answer.data ? 'ok' : 'NO_DATA';
}

/**
 * Comes back when something is so; fails where it has not come to be within so many milliseconds, with what did not
 * happen.
 */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  milliseconds: number,
  otherwise: () => string,
): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise());
    await delay(TICK_MS);
  }
}
