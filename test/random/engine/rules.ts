import type { CounterStrategy } from 'mikro-orm-counters';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { byKeys, rejection, type Changes, type Expectation } from './expectation.js';
import { courseId, hasCourse, rowWith, sameCourse, type CoursePointer, type Row, type Rows } from './rows.js';

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
  /** Whether a nested transaction can be rejected at its end; otherwise only the outer one can. */
  readonly rejectsSavepoints: boolean;
  /** Returns whether a transaction can only be rolled back after a rejected flush. */
  readonly breaks: (flush: FlushChanges, code: string) => boolean;
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

function commonRules(kind: DatabaseKind): Pick<Rules, 'bulk' | 'rejectsSavepoints' | 'breaks'> {
  return {
    bulk,
    // MySQL's driver sends no event when it releases a savepoint.
    rejectsSavepoints: kind === 'sqlite',
    // An assignment is detected before anything is counted.
    breaks: ({ writesEnrollments }, code) => writesEnrollments && code !== 'COUNTER_ASSIGNED',
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
  return [...creates.flatMap(({ course, empties }) => (empties ? [] : [course])), ...moves].some(
    course => !newCourses.some(one => sameCourse(one, course)) && !hasCourse(rows, course),
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
