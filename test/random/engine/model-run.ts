import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../../src/database/database.js';
import { Course } from '../../../src/entities/index.js';
import type { Tally } from '../model-check.js';
import { withReusedKeys, type Expectation } from './expectation.js';
import type { FlushWatch, Watcher, WatchedFlush } from './flush-watch.js';
import { countsOf, courseId, courseIds, withIds, type CoursePointer, type Rows } from './rows.js';
import type { Rules } from './rules.js';
import { CommandLog } from '../command-log.js';
import { differences, driftIn, readTables, withFoundIds, type Tables } from './tables.js';

/** The names of the writers, each with an entity manager that lives as long as the run. */
export const writers = ['Ann', 'Bob', 'Cleo'] as const;

/** One transaction, or none: the entity managers that share its entities, from the outermost on. */
export interface Level {
  readonly ems: SqlEntityManager[];
  /** The rejection after which the transaction can only be rolled back. */
  broken: Breakage | null;
}

/** A rejection after which a transaction can only be rolled back. */
export interface Breakage {
  readonly code: string;
  /** The entity manager whose write was rejected. */
  readonly em: SqlEntityManager;
  /**
   * What keeps it from being committed: the engine, because part of the rejected write may be in place, or the database,
   * which does nothing more in it.
   */
  readonly by: 'engine' | 'database';
}

/**
 * A transaction of the model. After a commit the outer entity manager knows the counts of the inner one; a rollback
 * restores the previous rows.
 */
interface ModelTransaction {
  readonly commit: (inside: SqlEntityManager | null, outside: SqlEntityManager) => void;
  readonly rollBack: () => void;
}

/** An explicit transaction that is open across commands. */
export interface OpenTransaction {
  readonly writer: number;
  readonly transaction: ModelTransaction;
  readonly commitsAnyway: boolean;
  readonly level: Level;
}

/** A course whose stored counts an entity manager must know after the last action, if it has the course loaded. */
interface Shown {
  readonly em: Pick<SqlEntityManager, 'getUnitOfWork'>;
  readonly course: CoursePointer;
}

/** One run: the real database, the entity managers, and the model that they must agree with. */
export class ModelRun implements Watcher {
  readonly ems: SqlEntityManager[];
  readonly assigned = new WeakSet<object>();
  readonly log = new CommandLog();
  readonly everCourses = new Set<number>();
  readonly everStudents = new Set<number>();
  readonly everEnrollments = new Set<number>();
  operations = 0;
  open: OpenTransaction | null = null;
  /** The flush that has begun and not finished. */
  flush: (WatchedFlush & { readonly expectation: Expectation }) | null = null;
  readonly #problems: string[] = [];
  #shown: Shown[] = [];
  /**
   * The courses that were written in each open transaction, the outermost first; after a commit the outer one knows
   * them.
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
    for (const id of this.everCourses) this.log.name('course', id);
    for (const id of this.everStudents) this.log.name('student', id);
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
    if (expectation.certain) this.addProblem(`this should have been rejected: ${expectation.rejections.join(' or ')}`);
    this.rows = withIds(withReusedKeys(withIds(expectation.after), changes));
    this.forgetOvertaken(before);
    this.expectShown(
      flush.em,
      [...known, ...changes.newCourses].filter(course => !changes.deletedCourses.includes(course as number)),
    );
  }

  addProblem(problem: string): void {
    this.#problems.push(problem);
  }

  /** Counts an operation. */
  readonly count = (what: string): void => {
    this.operations += 1;
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  };

  /** Logs and counts a rejection. */
  rejected(code: string): void {
    this.log.append(` — rejected: ${code}`);
    this.tally.set(`rejected ${code}`, (this.tally.get(`rejected ${code}`) ?? 0) + 1);
  }

  /** Expects a write to show true counts in the loaded courses. */
  expectShown(em: Shown['em'], courses: readonly CoursePointer[]): void {
    this.#shown.push(...courses.map(course => ({ em, course })));
    for (const course of courses) if (typeof course === 'number') this.#written.at(-1)!.add(course);
  }

  /**
   * Stops expecting true counts in loaded courses whose counts have changed since: not every write knows all that it
   * changes.
   */
  forgetOvertaken(before: Rows): void {
    const changed = courseIds(this.rows).filter(id => String(countsOf(before, id)) !== String(countsOf(this.rows, id)));
    this.#shown = this.#shown.filter(({ course }) => !changed.includes(courseId(course)!));
    for (const written of this.#written) for (const course of changed) written.delete(course);
  }

  /** Begins a transaction in the model, or work through another entity manager, and returns how to end it. */
  enter(): ModelTransaction {
    const before = this.rows;
    this.#written.push(new Set());
    const leave = (): number[] => {
      const written = [...this.#written.pop()!];
      for (const outer of this.#written) for (const course of written) outer.delete(course);
      return written;
    };
    return {
      commit: (inside, outside) =>
        this.expectShown(
          outside,
          leave().filter(course => inside && countsShown({ em: inside, course })),
        ),
      rollBack: () => {
        // What its flushes showed in memory is no longer true, wherever the same entities are loaded.
        leave();
        this.#shown = [];
        this.rows = before;
        this.flush = null;
      },
    };
  }

  /** Does work whose outcome the caller predicts, without watching its flushes. */
  async unwatched<Result>(work: () => Promise<Result>): Promise<Result> {
    this.watch.watcher = null;
    try {
      return await work();
    } finally {
      this.watch.watcher = this;
    }
  }

  /**
   * Compares the database, the model and the loaded courses that must show true counts. Errors: a text that says what
   * differs.
   */
  async check(em: SqlEntityManager): Promise<void> {
    const tables = await readTables(this.database, em.getTransactionContext());
    this.rows = withFoundIds(this.rows, tables);
    this.#remember();
    const drift = driftIn(tables);
    const mistakes = this.#shown.splice(0).flatMap(shown => shownMistake(shown, tables) ?? []);
    const wrong = [
      ...this.#problems.splice(0),
      ...drift,
      ...new Set(mistakes),
      ...(drift.length > 0 ? [] : differences(tables, this.rows)),
    ];
    if (wrong.length > 0) throw new Error(this.log.withNames(wrong.join('; ')));
  }

  /** Adopts the courses of the database into the model, after a write of which only part is in place. */
  async adoptCourses(em: SqlEntityManager): Promise<void> {
    const { stored } = await readTables(this.database, em.getTransactionContext());
    this.rows = { ...this.rows, courses: new Set(stored.keys()) };
  }

  /** Ends the run, whatever is open. */
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

/** Returns the counts that the entity of a course shows; undefined: it is not loaded, or only in part. */
function countsShown({ em, course }: Shown): number[] | undefined {
  const entity =
    typeof course === 'number' ? em.getUnitOfWork(false).getById<Course>(Course, course) : (course as Course);
  if (!entity || !helper(entity).isInitialized() || entity.totalEnrollments === undefined) return undefined;
  return [entity.totalEnrollments, entity.activeEnrollments];
}

function shownMistake(shown: Shown, { stored }: Tables): string | undefined {
  const id = courseId(shown.course);
  const [counts, inMemory] = [id === undefined ? undefined : stored.get(id), countsShown(shown)];
  if (!counts || !inMemory || String(inMemory) === String(counts)) return undefined;
  return `the loaded course ${id} shows ${String(inMemory)}, but the database has ${String(counts)}`;
}
