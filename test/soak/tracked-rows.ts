import type { Outcome } from '../crash/load.ts';

/** A record of the rows that callers have created and deleted, courses by title or users by email. */
export class TrackedRows {
  readonly #known = new Map<string, 'there' | 'gone' | 'unknown'>();

  /** Records the outcome of creating a row. */
  created(name: string, outcome: Outcome): void {
    this.#known.set(name, { done: 'there', refused: 'gone', unknown: 'unknown' }[outcome] as 'there');
  }

  /** Records the outcome of deleting an existing row. */
  deleted(name: string, outcome: Outcome): void {
    this.#known.set(name, { done: 'gone', refused: 'there', unknown: 'unknown' }[outcome] as 'gone');
  }

  /** Returns every contradiction between the answers to callers and the existing rows, and forgets deleted ones. */
  contradictions(present: ReadonlySet<string>): string[] {
    const found: string[] = [];
    for (const [name, known] of this.#known) {
      const exists = present.has(name);
      if (known !== 'unknown' && (known === 'there') !== exists)
        found.push(`${name} ${exists ? 'exists' : 'does not exist'}, but was acknowledged as ${known}`);
      if (exists) this.#known.set(name, 'there');
      else this.#known.delete(name);
    }
    return found;
  }
}
