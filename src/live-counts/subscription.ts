import type { Key } from '../entities/index.js';
import { storedCountsOf, type CourseRow } from '../reading/index.js';
import type { SendQueue } from './send-queue.js';

/**
 * The current stored counts of one course; `course` is null if it was deleted, or the viewer may not see it any more.
 */
export interface CourseCountsChange {
  readonly courseId: Key;
  readonly course: CourseRow | null;
}

/**
 * The changes of some courses as one client reads them, the present state first. For each course it keeps only the
 * latest state, however slowly it is read; if it ends with an error, the error is its last value.
 */
export class CourseCountsSubscription implements AsyncIterableIterator<CourseCountsChange | Error> {
  /** The latest state of each course that may have to be sent. */
  readonly #waiting = new Map<Key, CourseRow | null>();
  /** The counts that the client was last sent of each course that it sees. */
  readonly #sent = new Map<Key, string>();
  #end: { error: Error | null } | null = null;
  #wake: () => void = () => undefined;
  /** Whether it is in the client's queue, and whether it may send a message now. */
  #isQueued = false;
  #maySend = false;
  /** The functions that release what it has reserved. */
  readonly #releases: (() => void)[] = [];

  /** Takes the courses to watch (null: all), the queue of the client's messages, and what to call at the end. */
  constructor(
    readonly courseIds: ReadonlySet<Key> | null,
    private readonly sendQueue: SendQueue,
    private readonly onEnd: (subscription: CourseCountsSubscription) => void,
  ) {}

  /** Adds the courses as they are at the beginning; a state that was offered before stays, because it may be newer. */
  begin(present: readonly CourseRow[]): void {
    for (const course of present) {
      // If the course is gone already, the client must be told that too.
      if (this.#waiting.get(course.id) === null) this.#sent.set(course.id, '');
      if (!this.#waiting.has(course.id)) this.offer(course.id, course);
    }
  }

  /** Returns those of the given courses that it watches. */
  watchedOf(ids: readonly Key[]): readonly Key[] {
    const { courseIds } = this;
    return courseIds ? ids.filter(id => courseIds.has(id)) : ids;
  }

  /** Keeps the latest state of a course: its row, or null if it is gone or the viewer may not see it. */
  offer(id: Key, course: CourseRow | null): void {
    if (this.#end) return;
    this.#waiting.set(id, course);
    this.#wake();
  }

  /** Keeps a function to call when the subscription ends; calls it at once if it has ended. */
  releaseAtEnd(release: () => void): void {
    if (this.#end) release();
    else this.#releases.push(release);
  }

  /** Ends the subscription at once; the client is sent the error, if there is one. */
  end(error: Error | null = null): void {
    if (this.#end) return;
    this.#end = { error };
    this.#waiting.clear();
    this.#leaveQueue();
    for (const release of this.#releases.splice(0)) release();
    this.onEnd(this);
    this.#wake();
  }

  /**
   * Resolves with the next change once there is one and the client can take it. A call means that the last change was
   * sent.
   */
  async next(): Promise<IteratorResult<CourseCountsChange | Error, undefined>> {
    this.#leaveQueue();
    for (;;) {
      if (this.#maySend) {
        const change = this.#takeChange();
        if (change) return { done: false, value: change };
        this.#leaveQueue();
      }
      if (this.#end) break;
      if (this.#waiting.size > 0 && !this.#isQueued) {
        this.#isQueued = true;
        this.sendQueue.enqueue(this.#send);
      }
      await new Promise<void>(resolve => (this.#wake = resolve));
    }
    const { error } = this.#end;
    if (error === null) return { done: true, value: undefined };
    this.#end = { error: null };
    return { done: false, value: error };
  }

  /** Returns one more change that waits, to be sent together with the last one; null: there is none. */
  takeMore(): CourseCountsChange | null {
    return this.#maySend ? this.#takeChange() : null;
  }

  return(): Promise<IteratorResult<never, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #send = (): void => {
    this.#maySend = true;
    this.#wake();
  };

  #leaveQueue(): void {
    this.#maySend = false;
    if (!this.#isQueued) return;
    this.#isQueued = false;
    this.sendQueue.remove(this.#send);
  }

  /** Removes states from those that wait until one of them is news to the client, and returns it. */
  #takeChange(): CourseCountsChange | null {
    for (const [courseId, course] of this.#waiting) {
      this.#waiting.delete(courseId);
      if (this.#markSent(courseId, course)) return { courseId, course };
    }
    return null;
  }

  /** Records that the client is sent a state; returns false if it has that state already. */
  #markSent(id: Key, course: CourseRow | null): boolean {
    if (!course) return this.#sent.delete(id);
    const counts = storedCountsOf(course);
    if (this.#sent.get(id) === counts) return false;
    this.#sent.set(id, counts);
    return true;
  }
}
