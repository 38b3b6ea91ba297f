import { pick } from '../crash/load.ts';
import type { Ledger } from '../crash/ledger.ts';
import { checkStudent, checkVerify } from './answer-checks.ts';
import type { Calls } from './calls.ts';
import { randomLeave } from './leaving.ts';
import type { Problems } from './problems.ts';
import { NEWEST, queries, RUNS, type Table } from './queries.ts';
import type { School } from './school.ts';
import type { StudentPool } from './student-pool.ts';

/** The queries of a load, whose answers are compared with what was acknowledged. */
export class Reads {
  readonly #calls: Calls;
  readonly #school: School;
  readonly #pool: StudentPool;
  readonly #ledger: Ledger;
  readonly #problems: Problems;
  #sent = 0;

  constructor(calls: Calls, school: School, pool: StudentPool, ledger: Ledger, problems: Problems) {
    this.#calls = calls;
    this.#school = school;
    this.#pool = pool;
    this.#ledger = ledger;
    this.#problems = problems;
  }

  /** Sends the next query. */
  async next(): Promise<void> {
    const { name, as, tables, query } = queries[this.#sent++ % queries.length]!;
    const [course, student] = [pick(this.#school.courses), pick(this.#school.students)];
    const known = this.#ledger.know(student);
    const wasFree = this.#pool.isFree(student);
    const token = { anyone: null, admin: this.#school.admin, student: pick(this.#school.studentTokens) }[as];
    const result = await this.#calls.send(
      { name, kind: 'read', tables, courses: [] },
      token,
      { query, variables: { course, student } },
      randomLeave(),
    );
    if (typeof result === 'string' || result.answer.errors) return;
    if (name === 'verify') checkVerify(result.answer, this.#problems);
    // A student whom nobody has changed since the query was sent is as it was acknowledged.
    const isUnchanged = wasFree && known === this.#ledger.know(student) && this.#pool.isFree(student);
    if (name === 'of a student' && isUnchanged) checkStudent(student, known, result.answer, this.#problems);
  }

  /** Reads the newest enrollments. */
  newest(): Promise<unknown> {
    return this.#asAdmin('newest', ['core_course', 'core_enrollments', 'core_user'], NEWEST);
  }

  /** Reads the latest recounts. */
  runs(): Promise<unknown> {
    return this.#asAdmin('runs', ['core_recount_runs'], RUNS);
  }

  #asAdmin(name: string, tables: readonly Table[], query: string): Promise<unknown> {
    const about = { name, kind: 'read' as const, tables, courses: [] };
    return this.#calls.send(about, this.#school.admin, { query, variables: {} });
  }
}
