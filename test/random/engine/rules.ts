import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterStrategy } from 'mikro-orm-counters';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { byKeys, rejection, type Changes, type Expectation } from './expectation.js';
import type { Breakage } from './model-run.js';
import {
  NO_COURSE,
  courseId,
  hasCourse,
  rowWith,
  sameCourse,
  type CoursePointer,
  type Row,
  type Rows,
} from './rows.js';

/** What MikroORM is about to write in one flush. */
export interface FlushChanges {
  readonly changes: Changes;
  /** The changed or deleted rows that concern a counter. */
  readonly counted: readonly number[];
  /** The courses that the flush knows of by itself. */
  readonly known: readonly CoursePointer[];
  /** Whether somebody has assigned a stored count. */
  readonly assigned: boolean;
  /** Whether it writes enrollments at all. */
  readonly writesEnrollments: boolean;
}

/** The expected outcome of writes under one strategy. */
export interface Rules {
  /** Returns the expected outcome of a flush. */
  readonly flush: (rows: Rows, flush: FlushChanges) => Expectation;
  /** Returns the expected outcome of insertMany(), updateWhere() and deleteWhere(). */
  readonly bulk: (rows: Rows, changes: Changes) => Expectation;
  /** Returns the expected outcome of a write of one statement that fires no hooks. */
  readonly bypass: (rows: Rows, changes: Changes) => Expectation;
  /**
   * Returns what keeps a transaction from being committed after a rejection in it; null: it goes on.
   *
   * `flush` is the rejected flush, null for another write.
   */
  readonly breakage: (code: string, flush: FlushChanges | null) => Breakage['by'] | null;
  /**
   * Returns the code with which the commit of a transaction is rejected that can only be rolled back; null: it succeeds,
   * and now the transaction around can only be rolled back. `nested` is the entity manager of a nested one.
   */
  readonly rejectionOfBroken: (breakage: Breakage, nested: SqlEntityManager | null) => string | null;
}

/** Returns the rules of a strategy. */
export function rulesOf(strategy: CounterStrategy, kind: DatabaseKind): Rules {
  return strategy === 'hooks' ? hookRules(kind) : triggerRules(kind);
}

function hookRules(kind: DatabaseKind): Rules {
  return {
    ...commonRules(kind),
    flush(rows, { changes, counted, known, assigned }) {
      if (assigned) return rejection(rows, 'COUNTER_ASSIGNED');
      const ids = known.map(courseId);
      const isElsewhere = (row: Row | undefined): boolean => row !== undefined && !ids.includes(courseId(row.course));
      // Two entities of one row, one of which remains from a rollback.
      if (new Set(counted).size < counted.length) return rejection(rows, 'COUNTER_CONFLICT');
      // The flush could not know the course, and has not locked it.
      if (counted.some(id => isElsewhere(rowWith(rows, id)))) return rejection(rows, 'COUNTER_CONFLICT');
      const expectation = bulk(rows, changes);
      if (!mayReuseKeys(kind, rows, changes)) return expectation;
      // The change then hits the new row, which the database may reject before the engine sees it.
      return {
        ...expectation,
        rejections: ['COUNTER_CONFLICT', 'UNIQUE', 'FOREIGN_KEY', 'NOT_NULL', ...expectation.rejections],
      };
    },
    bypass: rows => rejection(rows, 'COUNTER_BYPASS'),
  };
}

/** Returns the rules of triggers: they follow the rows, whoever writes them and whatever the writer believes. */
function triggerRules(kind: DatabaseKind): Rules {
  return {
    ...commonRules(kind),
    flush(rows, { changes, assigned }) {
      if (assigned) return rejection(rows, 'COUNTER_ASSIGNED');
      // The engine checks that the courses exist before it checks that the rows do.
      if (countsIntoMissing(rows, changes, true)) return rejection(rows, 'COUNTER_TARGET_MISSING');
      const expectation = byKeys(rows, changes);
      const ids = changes.updates.map(({ id }) => id);
      if (!mayReuseKeys(kind, rows, changes) && new Set(ids).size === ids.length) return expectation;
      // A change of one row hits another, or hits it twice, and only the database knows what it rejects.
      return {
        ...expectation,
        rejections: ['UNIQUE', 'FOREIGN_KEY', 'NOT_NULL', ...expectation.rejections],
        certain: false,
      };
    },
    bypass: byKeys,
  };
}

/** The rejections by the database itself. */
const BY_DATABASE = ['UNIQUE', 'FOREIGN_KEY', 'NOT_NULL', 'TWICE'];

function commonRules(kind: DatabaseKind): Pick<Rules, 'bulk' | 'breakage' | 'rejectionOfBroken'> {
  return {
    bulk,
    breakage(code, flush) {
      // An assignment is detected before anything is counted.
      if (flush?.writesEnrollments && code !== 'COUNTER_ASSIGNED') return 'engine';
      // PostgreSQL does nothing more in a transaction after it has rejected a statement.
      return kind === 'postgresql' && BY_DATABASE.includes(code) ? 'database' : null;
    },
    rejectionOfBroken({ by, em }, nested) {
      if (by === 'database') return 'ABORTED';
      // The driver of MySQL and MariaDB sends no event when it releases a savepoint. But em.transactional() flushes
      // before, which is rejected if the entity manager's flush before that was.
      const isUnnoticed = nested !== null && nested !== em && (kind === 'mysql' || kind === 'mariadb');
      return isUnnoticed ? null : 'COUNTER_TRANSACTION';
    },
  };
}

function bulk(rows: Rows, changes: Changes): Expectation {
  return countsIntoMissing(rows, changes, false) ? rejection(rows, 'COUNTER_TARGET_MISSING') : byKeys(rows, changes);
}

/**
 * Returns whether rows, perhaps deleted ones too, would move to a missing course, which the engine detects before the
 * foreign key.
 */
function countsIntoMissing(rows: Rows, { creates, updates, newCourses }: Changes, goneToo: boolean): boolean {
  const moves = updates
    .filter(({ id }) => goneToo || rowWith(rows, id))
    .flatMap(({ course }) => (course === undefined ? [] : [course]));
  return [...creates.map(({ course }) => course), ...moves].some(
    course => course !== NO_COURSE && !newCourses.some(one => sameCourse(one, course)) && !hasCourse(rows, course),
  );
}

/**
 * Returns whether a new row may get the id of a deleted one that the same flush changes: SQLite reuses ids after a
 * rollback.
 */
function mayReuseKeys(kind: DatabaseKind, rows: Rows, { creates, updates, deletes, earlyDeletes }: Changes): boolean {
  return (
    kind === 'sqlite' &&
    creates.length > 0 &&
    [...updates.map(({ id }) => id), ...deletes, ...earlyDeletes].some(id => !rowWith(rows, id))
  );
}
