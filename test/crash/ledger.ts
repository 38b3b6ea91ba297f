/** What a client knows about a student's enrollment: deleted, existing with this id, course and status, or unknown. */
export type Known =
  | { state: 'gone' }
  | { state: 'there'; id: string; course: string; status: string }
  | { state: 'unknown'; before: Known };

/** A row of the database. */
export interface Row {
  readonly id: number;
  readonly course_id: number;
  readonly student_id: number;
  readonly status: string;
}

/** A query for the courses whose stored and actual counts differ, in SQL of all databases. */
export const driftSql = `select c.id, c.total_enrollments, c.active_enrollments, count(e.id) as total, count(case when e.status = 'active' then 1 end) as active
  from core_course c left join core_enrollments e on e.course_id = c.id group by c.id, c.total_enrollments, c.active_enrollments
  having c.total_enrollments <> count(e.id) or c.active_enrollments <> count(case when e.status = 'active' then 1 end)`;

/** A query for the enrollments that a ledger is compared with. */
export const enrollmentsSql = 'select id, course_id, student_id, status from core_enrollments';

/**
 * A record of the answers to clients about their students, at most one enrollment for each, to compare with the
 * database.
 */
export class Ledger {
  readonly #students = new Map<string, Known>();
  acknowledged = 0;
  refused = 0;
  unanswered = 0;

  know(student: string): Known {
    return this.#students.get(student) ?? { state: 'gone' };
  }

  acknowledge(student: string, known: Known): void {
    this.acknowledged += 1;
    this.#students.set(student, known);
  }

  /** Records that the server rejected the change, or that nothing was changed: the row must be as before. */
  refuse(): void {
    this.refused += 1;
  }

  /** Records that no answer came: the change may have happened or not. */
  lose(student: string): void {
    this.unanswered += 1;
    const before = this.know(student);
    this.#students.set(student, { state: 'unknown', before: before.state === 'unknown' ? before.before : before });
  }

  /**
   * Returns every contradiction between the answers to clients and the rows, and records the rows where no answer came.
   */
  contradictions(rows: readonly Row[]): string[] {
    const byStudent = Map.groupBy(rows, row => String(row.student_id));
    const found: string[] = [];
    // A student without any acknowledged change may have no row: what was rejected must not have been done.
    for (const student of new Set([...this.#students.keys(), ...byStudent.keys()])) {
      const known = this.know(student);
      const mine = byStudent.get(student) ?? [];
      const [row] = mine;
      if (mine.length > 1) found.push(`student ${student} has ${mine.length} enrollments`);
      else if (known.state === 'gone' && row)
        found.push(`student ${student} was told to be gone, but is in course ${row.course_id}`);
      else if (
        known.state === 'there' &&
        (!row || `${row.id} ${row.course_id} ${row.status}` !== `${known.id} ${known.course} ${known.status}`)
      ) {
        found.push(`student ${student} was told ${JSON.stringify(known)}, but has ${JSON.stringify(row ?? null)}`);
      }
      this.#students.set(
        student,
        row
          ? { state: 'there', id: String(row.id), course: String(row.course_id), status: row.status }
          : { state: 'gone' },
      );
    }
    return found;
  }
}
