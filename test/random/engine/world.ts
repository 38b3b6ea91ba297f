import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../../src/database/database.js';
import { Course } from '../../../src/entities/index.js';
import type { Tally } from '../telling.js';
import { withReusedKeys, type Expectation } from './expectation.js';
import type { FlushWatch, Watcher, WatchedFlush } from './flush-watch.js';
import { countsOf, courseId, courseIds, withIds, type CoursePointer, type Rows } from './rows.js';
import type { Rules } from './rules.js';
import { Story } from '../story.js';
import { differences, driftIn, readTables, withFoundIds, type Tables } from './tables.js';

/** Names those who write, each through an entity manager that lives as long as the story. */
export const writers = ['Ann', 'Bob', 'Cleo'] as const;

/** Is one transaction, or none: the entity managers that share its entities, from the outermost on. */
export interface Level {
  readonly ems: SqlEntityManager[];
  /** Holds the code of a refusal after which part of a write may be there until the transaction is rolled back. */
  broken: string | null;
}

/**
 * Is a transaction of the model. After a commit the manager outside knows the counts that the one inside hands on; a
 * rollback goes back to the rows before.
 */
interface Entered {
  commit(inside: SqlEntityManager | null, outside: SqlEntityManager): void;
  rollBack(): void;
}

/** Is an explicit transaction that is open across steps. */
export interface OpenTransaction {
  readonly writer: number;
  readonly transaction: Entered;
  readonly commitsAnyway: boolean;
  readonly level: Level;
}

/**
 * Is a course whose stored counts an entity manager must know after what was just done, where it has the course loaded.
 */
interface Shown {
  readonly em: Pick<SqlEntityManager, 'getUnitOfWork'>;
  readonly course: CoursePointer;
}

/** Is the stage of one story: the real database, the entity managers, and the model that they must agree with. */
export class World implements Watcher {
  readonly ems: SqlEntityManager[];
  readonly assigned = new WeakSet<object>();
  readonly story = new Story();
  readonly everCourses = new Set<number>();
  readonly everStudents = new Set<number>();
  readonly everEnrollments = new Set<number>();
  operations = 0;
  open: OpenTransaction | null = null;
  /** Holds the flush that has begun and has not come to its end. */
  flush: (WatchedFlush & { readonly expectation: Expectation }) | null = null;
  readonly #complaints: string[] = [];
  #shown: Shown[] = [];
  /**
   * Holds the courses that were written in each open transaction, the outermost first; after a commit the one around it
   * knows them.
   */
  readonly #written: Set<number>[] = [new Set()];

  constructor(
    readonly database: Database,
    readonly rules: Rules,
    readonly tally: Tally,
    private readonly watch: FlushWatch,
    public rows: Rows,
  ) {
    this.ems = writers.map(() => database.em.fork() as SqlEntityManager);
    this.#remember();
    for (const id of this.everCourses) this.story.name('course', id);
    for (const id of this.everStudents) this.story.name('student', id);
    watch.watcher = this;
  }

  began(flush: WatchedFlush): void {
    this.flush = { ...flush, expectation: this.rules.flush(this.rows, flush) };
  }

  ended(): void {
    const { flush } = this;
    this.flush = null;
    if (!flush) return;
    const { changes, known, expectation } = flush;
    const before = this.rows;
    if (expectation.certain) this.complain(`this should have been refused: ${expectation.refusals.join(' or ')}`);
    this.rows = withIds(withReusedKeys(withIds(expectation.after), changes));
    this.overtook(before);
    this.showed(
      flush.em,
      [...known, ...changes.newCourses].filter(course => !changes.deletedCourses.includes(course as number)),
    );
  }

  complain(problem: string): void {
    this.#complaints.push(problem);
  }

  /** Counts what was done. */
  readonly count = (what: string): void => {
    this.operations += 1;
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  };

  /** Tells and counts a refusal. */
  refused(code: string): void {
    this.story.add(` — refused: ${code}`);
    this.tally.set(`refused ${code}`, (this.tally.get(`refused ${code}`) ?? 0) + 1);
  }

  /** Says that a write was to show true counts in the loaded courses, too. */
  showed(em: Shown['em'], courses: readonly CoursePointer[]): void {
    this.#shown.push(...courses.map(course => ({ em, course })));
    for (const course of courses) if (typeof course === 'number') this.#written.at(-1)!.add(course);
  }

  /**
   * Says that loaded courses whose counts have changed since may be stale, for not every write knows of all that it
   * changes.
   */
  overtook(before: Rows): void {
    const changed = courseIds(this.rows).filter(id => String(countsOf(before, id)) !== String(countsOf(this.rows, id)));
    this.#shown = this.#shown.filter(({ course }) => !changed.includes(courseId(course)!));
    for (const written of this.#written) for (const course of changed) written.delete(course);
  }

  /** Begins a transaction in the model, or what is done through another entity manager, and gives what ends it. */
  enter(): Entered {
    const before = this.rows;
    this.#written.push(new Set());
    const leave = (): number[] => {
      const written = [...this.#written.pop()!];
      for (const outer of this.#written) for (const course of written) outer.delete(course);
      return written;
    };
    return {
      commit: (inside, outside) =>
        this.showed(
          outside,
          leave().filter(course => inside && countsShown({ em: inside, course })),
        ),
      rollBack: () => {
        // What its flushes showed in memory is not true any more, wherever the same entities are loaded.
        leave();
        this.#shown = [];
        this.rows = before;
        this.flush = null;
      },
    };
  }

  /** Does what foretells itself, so that its flushes are nobody's surprise. */
  async unwatched<Result>(work: () => Promise<Result>): Promise<Result> {
    this.watch.watcher = null;
    try {
      return await work();
    } finally {
      this.watch.watcher = this;
    }
  }

  /**
   * Compares database, model and the loaded courses that were to show true counts; errors: a text that says what
   * differs.
   */
  async check(em: SqlEntityManager): Promise<void> {
    const tables = await readTables(this.database, em.getTransactionContext());
    this.rows = withFoundIds(this.rows, tables);
    this.#remember();
    const drift = driftIn(tables);
    const untrue = this.#shown.splice(0).flatMap(shown => untruth(shown, tables) ?? []);
    const wrong = [
      ...this.#complaints.splice(0),
      ...drift,
      ...new Set(untrue),
      ...(drift.length > 0 ? [] : differences(tables, this.rows)),
    ];
    if (wrong.length > 0) throw new Error(this.story.named(wrong.join('; ')));
  }

  /** Takes the courses that the database holds for the model, after a write of which only part is there. */
  async learnCourses(em: SqlEntityManager): Promise<void> {
    const { stored } = await readTables(this.database, em.getTransactionContext());
    this.rows = { ...this.rows, courses: new Set(stored.keys()) };
  }

  /** Ends the story, whatever is open. */
  async end(): Promise<void> {
    this.watch.watcher = null;
    for (const em of this.ems) if (em.isInTransaction()) await em.rollback();
  }

  #remember(): void {
    for (const id of courseIds(this.rows)) this.everCourses.add(id);
    for (const id of this.rows.students) this.everStudents.add(id);
    for (const { id } of this.rows.enrollments) if (id !== null) this.everEnrollments.add(id);
  }
}

/** Gives the counts that the entity of a course shows; undefined: it is not loaded, or only in part. */
function countsShown({ em, course }: Shown): number[] | undefined {
  const entity =
    typeof course === 'number' ? em.getUnitOfWork(false).getById<Course>(Course, course) : (course as Course);
  if (!entity || !helper(entity).isInitialized() || entity.totalEnrollments === undefined) return undefined;
  return [entity.totalEnrollments, entity.activeEnrollments];
}

function untruth(shown: Shown, { stored }: Tables): string | undefined {
  const id = courseId(shown.course);
  const [counts, inMemory] = [id === undefined ? undefined : stored.get(id), countsShown(shown)];
  if (!counts || !inMemory || String(inMemory) === String(counts)) return undefined;
  return `the loaded course ${id} shows ${String(inMemory)}, but the database has ${String(counts)}`;
}
