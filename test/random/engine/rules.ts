import type { DatabaseKind } from '../../../src/database/orm-options.js';
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
  /** Says what must come of a write that fires no hooks. */
  bypass(rows: Rows, changes: Changes): Expectation;
  /** Tells whether a nested transaction can be refused at its end; else only the one around it can. */
  readonly refusesSavepoints: boolean;
  /** Tells whether a refused flush leaves its transaction fit for a rollback only. */
  breaks(flush: FlushChanges, code: string): boolean;
}

/** Gives the rules of counts that are kept by hooks. */
export function hookRules(kind: DatabaseKind): Rules {
  const bulk = (rows: Rows, changes: Changes): Expectation => (countsIntoMissing(rows, changes) ? refusal(rows, 'COUNTER_TARGET_MISSING') : byKeys(rows, changes));
  return {
    bulk,
    flush(rows, { changes, counted, known, assigned }) {
      if (assigned) return refusal(rows, 'COUNTER_ASSIGNED');
      const ids = known.map(courseId);
      const isElsewhere = (row: Row | undefined): boolean => row !== undefined && !ids.includes(courseId(row.course));
      // Two entities for one row, of which a rollback has left one over.
      if (new Set(counted).size < counted.length) return refusal(rows, 'COUNTER_CONFLICT');
      // The flush could not know of the course, and so has not locked it.
      if (counted.some(id => isElsewhere(rowWith(rows, id)))) return refusal(rows, 'COUNTER_CONFLICT');
      const expectation = bulk(rows, changes);
      if (!mayReuseKeys(kind, rows, changes, counted)) return expectation;
      // The change then hits the new row, which the database may refuse before the engine sees it.
      return { ...expectation, refusals: ['COUNTER_CONFLICT', 'UNIQUE', 'FOREIGN_KEY', ...expectation.refusals] };
    },
    // MySQL's driver tells nobody that it releases a savepoint.
    refusesSavepoints: kind === 'sqlite',
    bypass: rows => refusal(rows, 'COUNTER_BYPASS'),
    // An assignment is seen before anything is counted.
    breaks: ({ writesEnrollments }, code) => writesEnrollments && code !== 'COUNTER_ASSIGNED',
  };
}

/** Tells whether rows would come to a course that is not there, which the engine sees before the foreign key does. */
function countsIntoMissing(rows: Rows, { creates, updates, newCourses }: Changes): boolean {
  const moves = updates.filter(({ id }) => rowWith(rows, id)).flatMap(({ course }) => (course === undefined ? [] : [course]));
  return [...creates.flatMap(({ course, empties }) => (empties ? [] : [course])), ...moves].some(course => !newCourses.includes(course) && !hasCourse(rows, course));
}

/** Tells whether a new row may get the id of one that is gone and that the same flush changes: SQLite gives ids again after a rollback. */
function mayReuseKeys(kind: DatabaseKind, rows: Rows, { creates }: Changes, counted: readonly number[]): boolean {
  return kind === 'sqlite' && creates.length > 0 && counted.some(id => !rowWith(rows, id));
}
