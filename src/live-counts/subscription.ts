import { storedCountsOf, type CourseRow } from '../reading/index.js';
import type { Outlet } from './outlet.js';

/**
 * Tells of one course what its stored counts are now; `course` is null when it was deleted, or may not be seen any
 * more.
 */
export interface CourseCountsChange {
  readonly courseId: number;
  readonly course: CourseRow | null;
}

/**
 * Gives the changes of some courses to one reader, the present state first. Of each course it keeps the latest state
 * only, however slowly it is read; one that ends with an error gives that as its last value.
 */
export class CourseCountsSubscription implements AsyncIterableIterator<CourseCountsChange | Error> {
  readonly #waiting = new Map<number, CourseRow | null>();
  /** Holds the counts that the reader was last told of each course that it sees. */
  readonly #told = new Map<number, string>();
  #end: { error: Error | null } | null = null;
  #wake: () => void = () => undefined;
  /** Tells whether it is in the outlet's line, and whether it is its turn there. */
  #isInLine = false;
  #mayGive = false;
  /** Holds what gives back the shares that it has. */
  readonly #held: (() => void)[] = [];

  /** Takes which courses to watch (null: all), by which way messages leave, and what to call at the end. */
  constructor(
    readonly courseIds: ReadonlySet<number> | null,
    private readonly outlet: Outlet,
    private readonly onEnd: (subscription: CourseCountsSubscription) => void,
  ) {}

  /** Takes the courses as they are at the beginning; what was offered meanwhile of one stays, for it may be newer. */
  begin(present: readonly CourseRow[]): void {
    for (const course of present) {
      // Of one that has gone meanwhile the reader is to be told that too.
      if (this.#waiting.get(course.id) === null) this.#told.set(course.id, '');
      if (!this.#waiting.has(course.id)) this.offer(course.id, course);
    }
  }

  /** Gives those of the courses that it watches. */
  watchedOf(ids: readonly number[]): readonly number[] {
    const { courseIds } = this;
    return courseIds ? ids.filter(id => courseIds.has(id)) : ids;
  }

  /** Takes the latest of one course: its row, or null where it is gone or the reader may not see it. */
  offer(id: number, course: CourseRow | null): void {
    if (this.#end) return;
    this.#waiting.set(id, course);
    this.#wake();
  }

  /** Takes what gives back a share when it ends; at once where it has ended. */
  hold(giveBack: () => void): void {
    if (this.#end) giveBack();
    else this.#held.push(giveBack);
  }

  /** Ends it at once; the reader learns of the error, if there is one. */
  end(error: Error | null = null): void {
    if (this.#end) return;
    this.#end = { error };
    this.#waiting.clear();
    this.#leaveLine();
    for (const giveBack of this.#held.splice(0)) giveBack();
    this.onEnd(this);
    this.#wake();
  }

  /** Gives the next change, once there is one and it can leave; to be called again only when it has left. */
  async next(): Promise<IteratorResult<CourseCountsChange | Error, undefined>> {
    this.#leaveLine();
    for (;;) {
      if (this.#mayGive) {
        const change = this.#takeNews();
        if (change) return { done: false, value: change };
        this.#leaveLine();
      }
      if (this.#end) break;
      if (this.#waiting.size > 0 && !this.#isInLine) {
        this.#isInLine = true;
        this.outlet.enter(this.#go);
      }
      await new Promise<void>(resolve => (this.#wake = resolve));
    }
    const { error } = this.#end;
    if (error === null) return { done: true, value: undefined };
    this.#end = { error: null };
    return { done: false, value: error };
  }

  return(): Promise<IteratorResult<never, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #go = (): void => {
    this.#mayGive = true;
    this.#wake();
  };

  #leaveLine(): void {
    this.#mayGive = false;
    if (!this.#isInLine) return;
    this.#isInLine = false;
    this.outlet.leave(this.#go);
  }

  #takeNews(): CourseCountsChange | null {
    for (const [courseId, course] of this.#waiting) {
      this.#waiting.delete(courseId);
      if (this.#isNews(courseId, course)) return { courseId, course };
    }
    return null;
  }

  /** Tells whether the reader has not been told that yet, and notes that it is now. */
  #isNews(id: number, course: CourseRow | null): boolean {
    if (!course) return this.#told.delete(id);
    const counts = storedCountsOf(course);
    if (this.#told.get(id) === counts) return false;
    this.#told.set(id, counts);
    return true;
  }
}
