/** What a client knows of one student's enrollment: gone, there with this id, course and status, or not known. */
export type Known =
  | { state: 'gone' }
  | { state: 'there'; id: string; course: string; status: string }
  | { state: 'unknown'; before: Known };

/** One row as the database has it. */
export interface Row {
  readonly id: number;
  readonly course_id: number;
  readonly student_id: number;
  readonly status: string;
}

/** Lists the courses of which a stored count is not what the rows give, in SQL that all databases know. */
export const driftSql = `select c.id, c.total_enrollments, c.active_enrollments, count(e.id) as total, count(case when e.status = 'active' then 1 end) as active
  from core_course c left join core_enrollments e on e.course_id = c.id group by c.id, c.total_enrollments, c.active_enrollments
  having c.total_enrollments <> count(e.id) or c.active_enrollments <> count(case when e.status = 'active' then 1 end)`;

/** Lists the enrollments as a ledger is held against them. */
export const enrollmentsSql = 'select id, course_id, student_id, status from core_enrollments';

/** Keeps what clients were told of their students, one enrollment at most for each, to be held against the database. */
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

  /** Notes that the server said no, or that nothing was changed: all must be as before. */
  refuse(): void {
    this.refused += 1;
  }

  /** Notes that no answer came: the change may be there or not. */
  lose(student: string): void {
    this.unanswered += 1;
    const before = this.know(student);
    this.#students.set(student, { state: 'unknown', before: before.state === 'unknown' ? before.before : before });
  }

  /**
   * Gives every contradiction between what clients were told and the rows, and takes the rows for what was not
   * answered.
   */
  contradictions(rows: readonly Row[]): string[] {
    const byStudent = Map.groupBy(rows, row => String(row.student_id));
    const found: string[] = [];
    // Of whom nothing was ever acknowledged, nothing may be there: what was refused must not have been done.
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
