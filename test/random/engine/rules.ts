import type { CounterStrategy } from 'mikro-orm-counters';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { byKeys, refusal, type Changes, type Expectation } from './expectation.js';
import { courseId, hasCourse, rowWith, type CoursePointer, type Row, type Rows } from './rows.js';

/** Is what MikroORM means to write in one flush. */
export interface FlushChanges {
  readonly changes: Changes;
  /** Lists the changed or deleted rows that a counter has to do with. */
  readonly counted: readonly number[];
  /** Lists the courses that the flush knows of by itself. */
  readonly known: readonly CoursePointer[];
  /** Tells whether somebody has assigned a stored count. */
  readonly assigned: boolean;
  /** Tells whether it writes enrollments at all. */
  readonly writesEnrollments: boolean;
}

/** Says what the engine does with writes, as one way of keeping the counts has it. */
export interface Rules {
  /** Says what must come of a flush. */
  flush(rows: Rows, flush: FlushChanges): Expectation;
  /** Says what must come of insertMany(), updateWhere() and deleteWhere(). */
  bulk(rows: Rows, changes: Changes): Expectation;
  /** Says what must come of a write of one statement that fires no hooks. */
  bypass(rows: Rows, changes: Changes): Expectation;
  /** Tells whether a nested transaction can be refused at its end; else only the one around it can. */
  readonly refusesSavepoints: boolean;
  /** Tells whether a refused flush leaves its transaction fit for a rollback only. */
  breaks(flush: FlushChanges, code: string): boolean;
}

/** Gives the rules of counts that are kept by a strategy. */
export function rulesOf(strategy: CounterStrategy, kind: DatabaseKind): Rules {
  return strategy === 'hooks' ? hookRules(kind) : triggerRules(kind);
}

function hookRules(kind: DatabaseKind): Rules {
  return {
    ...commonRules(kind),
    flush(rows, { changes, counted, known, assigned }) {
      if (assigned) return refusal(rows, 'COUNTER_ASSIGNED');
      const ids = known.map(courseId);
      const isElsewhere = (row: Row | undefined): boolean => row !== undefined && !ids.includes(courseId(row.course));
      // Two entities for one row, of which a rollback has left one over.
      if (new Set(counted).size < counted.length) return refusal(rows, 'COUNTER_CONFLICT');
      // The flush could not know of the course, and so has not locked it.
      if (counted.some(id => isElsewhere(rowWith(rows, id)))) return refusal(rows, 'COUNTER_CONFLICT');
      const expectation = bulk(rows, changes);
      if (!mayReuseKeys(kind, rows, changes)) return expectation;
      // The change then hits the new row, which the database may refuse before the engine sees it.
      return { ...expectation, refusals: ['COUNTER_CONFLICT', 'UNIQUE', 'FOREIGN_KEY', ...expectation.refusals] };
    },
    bypass: rows => refusal(rows, 'COUNTER_BYPASS'),
  };
}

/**
 * Gives the rules of counts that are kept by triggers: they follow the rows, whoever writes them and whatever their
 * writer believes.
 */
function triggerRules(kind: DatabaseKind): Rules {
  return {
    ...commonRules(kind),
    flush(rows, { changes, assigned }) {
      if (assigned) return refusal(rows, 'COUNTER_ASSIGNED');
      // The engine looks whether the courses are there before it looks whether the rows are.
      if (countsIntoMissing(rows, changes, true)) return refusal(rows, 'COUNTER_TARGET_MISSING');
      const expectation = byKeys(rows, changes);
      const ids = changes.updates.map(({ id }) => id);
      if (!mayReuseKeys(kind, rows, changes) && new Set(ids).size === ids.length) return expectation;
      // What is meant for one row hits another, or hits it twice, and only the database knows what it refuses of that.
      return {
        ...expectation,
        refusals: ['UNIQUE', 'FOREIGN_KEY', 'NOT_NULL', ...expectation.refusals],
        certain: false,
      };
    },
    bypass: byKeys,
  };
}

function commonRules(kind: DatabaseKind): Pick<Rules, 'bulk' | 'refusesSavepoints' | 'breaks'> {
  return {
    bulk,
    // MySQL's driver tells nobody that it releases a savepoint.
    refusesSavepoints: kind === 'sqlite',
    // An assignment is seen before anything is counted.
    breaks: ({ writesEnrollments }, code) => writesEnrollments && code !== 'COUNTER_ASSIGNED',
  };
}

function bulk(rows: Rows, changes: Changes): Expectation {
  return countsIntoMissing(rows, changes, false) ? refusal(rows, 'COUNTER_TARGET_MISSING') : byKeys(rows, changes);
}

/**
 * Tells whether rows, or those that are gone too, would come to a course that is not there, which the engine sees
 * before the foreign key does.
 */
function countsIntoMissing(rows: Rows, { creates, updates, newCourses }: Changes, goneToo: boolean): boolean {
  const moves = updates
    .filter(({ id }) => goneToo || rowWith(rows, id))
    .flatMap(({ course }) => (course === undefined ? [] : [course]));
  return [...creates.flatMap(({ course, empties }) => (empties ? [] : [course])), ...moves].some(
    course => !newCourses.includes(course) && !hasCourse(rows, course),
  );
}

/**
 * Tells whether a new row may get the id of one that is gone and that the same flush changes: SQLite gives ids again
 * after a rollback.
 */
function mayReuseKeys(kind: DatabaseKind, rows: Rows, { creates, updates, deletes, earlyDeletes }: Changes): boolean {
  return (
    kind === 'sqlite' &&
    creates.length > 0 &&
    [...updates.map(({ id }) => id), ...deletes, ...earlyDeletes].some(id => !rowWith(rows, id))
  );
}
