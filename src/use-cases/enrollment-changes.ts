/**
 * The changes of single enrollments: how one transaction makes those of several callers.
 *
 * All rows are locked and read by one statement for each table, in the order courses, enrollments, students. Where the
 * changes are of several courses, it waits for no lock: a change whose rows are locked is left out, and made alone. Then each
 * change is decided in the order of the requests, as if those before it had been made alone, and one flush writes all.
 */
import { LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from 'mikro-orm-counters';
import type { Viewer } from '../access/viewer.js';
import type { Database } from '../database/database.js';
import type { WhenLocked } from '../database/dialects/dialect.js';
import type { PlainRow } from '../database/tables.js';
import { Enrollment, EnrollmentStatus, type Key } from '../entities/index.js';
import { courseOfVisibleEnrollment, seesEnrollment, visibleCourseIds } from '../reading/visibility.js';
import {
  inBatch,
  LeftOut,
  type AfterLostCommit,
  type BatchKind,
  type Prepared,
  type Settled,
} from '../transactions/transactions.js';
import { enrolledAmong, lockCourses, lockUsers, visibleAmong, type LockedCourse } from './locked-rows.js';
import { pairOf, type Pair } from './pair.js';
import { rejected, type Outcome, type Problem } from './outcome.js';

/** What a use case must know of an enrollment. */
type EnrollmentState = Pick<PlainRow<Enrollment>, 'id' | 'courseId' | 'studentId' | 'status'>;

/** The locked rows, as far as the viewer of a change sees them, and as the changes before it leave them. */
interface Locked {
  readonly courses: ReadonlyMap<Key, LockedCourse>;
  /** The enrollment that is changed, with its course; null: it does not exist, or is hidden from the viewer. */
  readonly enrollment: { readonly state: EnrollmentState; readonly course: LockedCourse } | null;
}

/** What is known of the students for whom places are wanted. */
export interface KnownStudents {
  readonly exists: (id: Key) => boolean;
  readonly isEnrolled: (candidate: Pair) => boolean;
}

/** A change that is to be made. */
interface PlannedChange<Value> {
  /** What the enrollment will be; null: it is deleted. */
  readonly becomes: Omit<EnrollmentState, 'id'> | null;
  /**
   * Changes the entities, of which `enrollment` is the one that exists already. Returns what was done, which is asked
   * for after the flush.
   */
  readonly apply: (em: SqlEntityManager, enrollment: Enrollment | undefined) => () => Outcome<Value>;
}

/** One change of one enrollment, for one caller. */
export interface EnrollmentChange<Value> {
  readonly viewer: Viewer;
  /** The enrollment that is changed; undefined: it is a new one. */
  readonly enrollmentId?: Key;
  /** The courses that are locked, besides that of the enrollment. */
  readonly courseIds: readonly Key[];
  /** Returns the student for whom a place is wanted; null: none. */
  readonly candidate?: (locked: Locked) => Pair | null;
  /** Returns what to do, or the problem that prevents it. Errors: those of access. */
  readonly decide: (locked: Locked, students: KnownStudents) => PlannedChange<Value> | Problem;
}

/** A change whose courses were looked up, before it waits for their turn. */
interface PreparedChange extends Prepared {
  readonly change: EnrollmentChange<unknown>;
  /** The course of the enrollment; null: the viewer sees no such enrollment. */
  readonly courseId: Key | null;
}

/**
 * Makes one change in a transaction that has locked the enrollment and those courses which the viewer sees, together
 * with the changes of the same courses that wait for their turn.
 *
 * Courses that the viewer does not see are left out before anything is locked or awaited, as if they did not exist: not
 * even a wait for a lock reveals them. The enrollment's own course is first looked up without a lock. If it has moved to
 * another one meanwhile, the change is made again.
 */
export function changeEnrollment<Value>(
  database: Database,
  change: EnrollmentChange<Value>,
  afterLostCommit: AfterLostCommit<Outcome<Value>>,
): Promise<Outcome<Value>> {
  const { viewer, enrollmentId, courseIds } = change;
  const prepare = async (): Promise<PreparedChange> => {
    const em = database.em.fork() as SqlEntityManager;
    if (enrollmentId === undefined)
      return { change, courseId: null, courses: await visibleCourseIds(em, viewer, courseIds) };
    const courseId = await courseOfVisibleEnrollment(em, viewer, enrollmentId);
    // All in one statement, because of the locks' order: also the enrollment's own course, visible or not, because the
    // enrollment is.
    const courses = courseId === null ? [] : [courseId, ...(await visibleCourseIds(em, viewer, courseIds))];
    return { change, courseId, courses };
  };
  return inBatch(database, enrollmentChanges as BatchKind<PreparedChange, Outcome<Value>>, prepare, afterLostCommit);
}

const enrollmentChanges: BatchKind<PreparedChange, Outcome<unknown>> = {
  async makeAll(em, { ready, begin }) {
    const whenLocked = ready.length > 1 ? 'skip' : 'wait';
    const locked = await lockCourses(em, [...new Set(ready.flatMap(({ courses }) => courses))], whenLocked);
    const changes = begin(id => locked.has(id));
    const batch = new LockedBatch(em, locked, changes, whenLocked);
    await batch.read();
    const decisions = batch.changes.map((_, place) => settle(() => batch.decide(place)));
    const entities = await batch.entitiesOf(
      place => 'result' in decisions[place]! && 'apply' in decisions[place].result,
    );
    const answers = decisions.map((decision, place): (() => Settled<Outcome<unknown>>) => {
      if ('error' in decision) return () => decision;
      const plan = decision.result;
      if (!('apply' in plan)) return () => ({ result: rejected(plan) });
      const done = plan.apply(em, entities.get(batch.changes[place]!.change.enrollmentId));
      return () => ({ result: done() });
    });
    await em.flush();
    return answers.map(answer => answer());
  },
};

/** The changes of one transaction, and the rows that it has locked for them. */
class LockedBatch {
  /** The courses that the viewer of each change sees. */
  readonly #visible: Map<Key, LockedCourse>[] = [];
  readonly #enrollments = new Map<Key, EnrollmentState>();
  #students: ReadonlySet<Key> = new Set();
  #enrolled = new Set<string>();
  /** The places that a change of this batch gives up; until the flush their rows are in the way of new ones. */
  readonly #givenUp = new Set<string>();

  constructor(
    private readonly em: SqlEntityManager,
    private readonly courses: Map<Key, LockedCourse>,
    readonly changes: readonly PreparedChange[],
    private readonly whenLocked: WhenLocked,
  ) {}

  /** Reads what the changes need. */
  async read(): Promise<void> {
    await this.#lockEnrollments();
    for (const { change, courses } of this.changes)
      this.#visible.push(await visibleAmong(this.em, change.viewer, this.#lockedOf(courses)));
    await this.#readCandidates();
  }

  /** Decides a change, and notes what it changes for those after it. Errors: COUNTER_CONFLICT; those of access. */
  decide(place: number): PlannedChange<unknown> | Problem {
    const { change } = this.changes[place]!;
    const locked = this.#seenBy(place);
    const decision = change.decide(locked, {
      exists: id => this.#exists(id),
      isEnrolled: candidate => this.#isEnrolled(candidate),
    });
    if ('becomes' in decision) this.#note(locked.enrollment?.state, decision.becomes);
    return decision;
  }

  /** Returns the entities of the enrollments that exist already and are changed, by id. */
  async entitiesOf(isChanged: (place: number) => boolean): Promise<Map<Key | undefined, Enrollment>> {
    const ids = this.changes.flatMap(({ change }, place) =>
      change.enrollmentId !== undefined && isChanged(place) ? [change.enrollmentId] : [],
    );
    if (ids.length === 0) return new Map();
    const found = await this.em.find(Enrollment, { id: { $in: [...new Set(ids)] } });
    return new Map(found.map(enrollment => [enrollment.id, enrollment]));
  }

  async #lockEnrollments(): Promise<void> {
    const ids = this.changes.flatMap(({ change, courseId }) => (courseId === null ? [] : [change.enrollmentId!]));
    if (ids.length === 0) return;
    const rows = (await this.em
      .createQueryBuilder(Enrollment, 'e')
      .select(['id', 'course', 'student', 'status'])
      .where({ id: { $in: [...new Set(ids)] } })
      .orderBy({ id: 'asc' })
      .setLockMode(this.whenLocked === 'skip' ? LockMode.PESSIMISTIC_PARTIAL_WRITE : LockMode.PESSIMISTIC_WRITE)
      .execute('all')) as unknown as { id: Key; course: Key; student: Key; status: EnrollmentStatus }[];
    for (const { id, course, student, status } of rows)
      this.#enrollments.set(id, { id, courseId: course, studentId: student, status });
  }

  async #readCandidates(): Promise<void> {
    const candidates = this.changes.flatMap(({ change }, place) => {
      const wanted = settle(() => change.candidate?.(this.#seenBy(place)));
      // An error will be that of the decision too.
      return 'result' in wanted && wanted.result ? [wanted.result] : [];
    });
    if (candidates.length === 0) return;
    const students = candidates.map(({ studentId }) => studentId);
    this.#students = await lockUsers(this.em, students, this.whenLocked);
    this.#enrolled = await enrolledAmong(this.em, candidates);
  }

  #lockedOf(ids: readonly Key[]): Map<Key, LockedCourse> {
    const courses = ids.map(id => this.courses.get(id));
    return new Map(courses.flatMap(course => (course ? [[course.id, course]] : [])));
  }

  /**
   * Returns what the viewer of a change sees. Errors: COUNTER_CONFLICT if its enrollment has moved to another course;
   * LeftOut if it was not locked.
   */
  #seenBy(place: number): Locked {
    const { change, courseId } = this.changes[place]!;
    const courses = this.#visible[place]!;
    const state = courseId === null ? undefined : this.#enrollments.get(change.enrollmentId!);
    if (!state && courseId !== null && this.whenLocked === 'skip') throw new LeftOut();
    if (!state) return { courses, enrollment: null };
    const course = this.courses.get(state.courseId);
    if (!course)
      throw new CounterError(
        'COUNTER_CONFLICT',
        `Enrollment ${state.id} moved to course ${state.courseId} while course ${courseId} was being locked.`,
      );
    const isVisible = seesEnrollment(change.viewer, { studentId: state.studentId, instructorId: course.instructorId });
    return { courses, enrollment: isVisible ? { state, course } : null };
  }

  /** Returns true for a student who exists. Errors: LeftOut if none could be locked, which may have another reason. */
  #exists(id: Key): boolean {
    if (this.#students.has(id)) return true;
    if (this.whenLocked === 'skip') throw new LeftOut();
    return false;
  }

  #isEnrolled(candidate: Pair): boolean {
    const pair = pairOf(candidate);
    if (this.#enrolled.has(pair)) return true;
    if (this.#givenUp.has(pair))
      throw new CounterError(
        'COUNTER_CONFLICT',
        `Student ${candidate.studentId} leaves course ${candidate.courseId} in the same transaction.`,
      );
    return false;
  }

  /** Keeps the rows as a change leaves them, for the changes after it. */
  #note(before: EnrollmentState | undefined, after: Omit<EnrollmentState, 'id'> | null): void {
    if (before) {
      this.#enrollments.delete(before.id);
      this.#enrolled.delete(pairOf(before));
      this.#givenUp.add(pairOf(before));
      if (isActive(before)) this.courses.get(before.courseId)!.activeEnrollments -= 1;
    }
    if (!after) return;
    this.#enrolled.add(pairOf(after));
    this.#givenUp.delete(pairOf(after));
    if (before) this.#enrollments.set(before.id, { ...after, id: before.id });
    if (isActive(after)) this.courses.get(after.courseId)!.activeEnrollments += 1;
  }
}

function isActive({ status }: Pick<EnrollmentState, 'status'>): boolean {
  return status === EnrollmentStatus.ACTIVE;
}

/** Returns what some work returns, or throws. */
function settle<Result>(work: () => Result): Settled<Result> {
  try {
    return { result: work() };
  } catch (error) {
    return { error };
  }
}
