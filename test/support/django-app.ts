import { setTimeout as delay } from 'node:timers/promises';
import { plainClient, plainRows, type PlainClient } from './plain-client.ts';

/** What a database answers when it has ended a transaction because of another one. */
const CONFLICTS: readonly unknown[] = ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD', '40001', '40P01'];

/** What an INSERT of an enrollment gives beside its keys and its status, in Rollcall's own tables and in a Django app's. */
const moreOf = {
  own: [
    ['enrolled_at', "'2026-01-01 00:00:00'"],
    ['updated_at', "'2026-01-01 00:00:00'"],
  ],
  django: [
    ['progress', '0'],
    ['enrolled_at', "'2026-01-01 00:00:00'"],
    ['last_accessed', "'2026-01-01 00:00:00'"],
    ['certificate_issued', 'false'],
  ],
} as const;

/**
 * A connection of another program, which writes as a Django app does: each statement commits at once, and signals keep
 * `total_enrollments` by COUNT(*) and an UPDATE.
 */
export class DjangoApp {
  readonly #client: PlainClient;
  readonly #isPostgresql: boolean;
  readonly #more: readonly (readonly [column: string, value: string])[];

  private constructor(client: PlainClient, isPostgresql: boolean, tables: keyof typeof moreOf) {
    this.#client = client;
    this.#isPostgresql = isPostgresql;
    this.#more = moreOf[tables];
  }

  /** Connects to the database of a URL, with the isolation level that Django asks for. */
  static async connect(url: string, tables: keyof typeof moreOf = 'own'): Promise<DjangoApp> {
    const app = new DjangoApp(await plainClient(url), url.startsWith('postgresql:'), tables);
    if (!app.#isPostgresql) await app.run('set session transaction isolation level read committed');
    return app;
  }

  /** Runs a statement whose values question marks stand for. */
  async run(sql: string, ...values: unknown[]): Promise<void> {
    await this.#client.query(this.#numbered(sql), values);
  }

  rows(sql: string, ...values: unknown[]): Promise<Readonly<Record<string, unknown>>[]> {
    return plainRows(this.#client, this.#numbered(sql), values);
  }

  /** Adds enrollments without a signal: `Enrollment.objects.bulk_create()`, and the INSERT of `create()`. */
  async bulkCreate(course: number, students: readonly number[], status = 'active'): Promise<void> {
    const columns = this.#more.map(([column]) => `, ${column}`).join('');
    const row = `(?, ?, ?${this.#more.map(([, value]) => `, ${value}`).join('')})`;
    await this.run(
      `insert into core_enrollments (course_id, student_id, status${columns}) values ${students.map(() => row).join(', ')}`,
      ...students.flatMap(student => [course, student, status]),
    );
  }

  /** The query of the signals: `Enrollment.objects.filter(course=…).count()`. */
  async countOf(course: number): Promise<number> {
    const [row] = await this.rows('select count(*) as n from core_enrollments where course_id = ?', course);
    return Number(row!['n']);
  }

  /** The UPDATE of the signals: `Course.objects.filter(…).update(total_enrollments=…)`. */
  assignCount(course: number, count: number): Promise<void> {
    return this.run('update core_course set total_enrollments = ? where id = ?', count, course);
  }

  /** `Enrollment.objects.create()`, and the signal after it. */
  async create(course: number, student: number, status = 'active'): Promise<void> {
    await this.bulkCreate(course, [student], status);
    await this.assignCount(course, await this.countOf(course));
  }

  /** `enrollment.delete()`, and the signal after it, in one transaction. */
  delete(course: number, student: number): Promise<void> {
    return this.atomic(async () => {
      await this.run('delete from core_enrollments where course_id = ? and student_id = ?', course, student);
      await this.assignCount(course, await this.countOf(course));
    });
  }

  /** `Enrollment.objects.filter(course=…).update(status=…)`, of which no signal knows. */
  updateStatuses(course: number, status: string): Promise<void> {
    return this.run('update core_enrollments set status = ? where course_id = ?', status, course);
  }

  /** Reads a course and returns what `course.save()` does with it later: it writes all columns that were read. */
  async get(
    course: number,
  ): Promise<{ readonly save: (changes?: Readonly<Record<string, unknown>>) => Promise<void> }> {
    const [row] = await this.rows('select * from core_course where id = ?', course);
    const { id: _, ...read } = row!;
    return {
      save: async (changes = {}) => {
        const all = { ...read, ...changes };
        const sets = Object.keys(all).map(column => `${column} = ?`);
        await this.run(`update core_course set ${sets.join(', ')} where id = ?`, ...Object.values(all), course);
      },
    };
  }

  /** Runs a block of `transaction.atomic()`. */
  async atomic(block: () => Promise<void>): Promise<void> {
    await this.run('begin');
    try {
      await block();
      await this.run('commit');
    } catch (error) {
      await this.run('rollback');
      throw error;
    }
  }

  end(): Promise<void> {
    return this.#client.end();
  }

  #numbered(sql: string): string {
    if (!this.#isPostgresql) return sql;
    let place = 0;
    return sql.replaceAll('?', () => `$${(place += 1)}`);
  }
}

/** Runs a write of another program, and again after a conflict, as such programs should. */
export async function untilDone(write: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!CONFLICTS.includes((error as { code?: unknown }).code)) throw error;
      await delay(Math.random() * 10);
    }
  }
}
