import type { Known, Ledger } from '../crash/ledger.ts';

/** The students of a load, each of whom one caller changes at a time. */
export class StudentPool {
  readonly #students: readonly string[];
  readonly #ledger: Ledger;
  readonly #busy = new Set<string>();

  constructor(students: readonly string[], ledger: Ledger) {
    this.#students = students;
    this.#ledger = ledger;
  }

  /** Returns whether no caller changes a student now. */
  isFree(student: string): boolean {
    return !this.#busy.has(student);
  }

  /** Reserves at most this many free students whose enrollment is as wanted, from a random one on. */
  reserve(isWanted: (known: Known) => boolean, count: number): string[] {
    const start = Math.floor(Math.random() * this.#students.length);
    const found: string[] = [];
    for (let index = 0; index < this.#students.length && found.length < count; index += 1) {
      const student = this.#students[(start + index) % this.#students.length]!;
      if (this.isFree(student) && isWanted(this.#ledger.know(student))) found.push(student);
    }
    for (const student of found) this.#busy.add(student);
    return found;
  }

  /** Reserves a student that is not of the pool, and never releases it. */
  keep(student: string): void {
    this.#busy.add(student);
  }

  release(students: readonly string[]): void {
    for (const student of students) this.#busy.delete(student);
  }
}
