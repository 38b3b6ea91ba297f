import type { Outcome } from '../crash/load.ts';

/**
 * Keeps whether what callers have made and deleted, courses by title or users by email, is there, to be held against
 * the database.
 */
export class Things {
  readonly #known = new Map<string, 'there' | 'gone' | 'unknown'>();

  /** Notes what came of making a thing. */
  made(name: string, outcome: Outcome): void {
    this.#known.set(name, { done: 'there', refused: 'gone', unknown: 'unknown' }[outcome] as 'there');
  }

  /** Notes what came of deleting one that is there. */
  deleted(name: string, outcome: Outcome): void {
    this.#known.set(name, { done: 'gone', refused: 'there', unknown: 'unknown' }[outcome] as 'gone');
  }

  /** Returns every contradiction between what callers were told and what there is, and forgets what is gone. */
  contradictions(present: ReadonlySet<string>): string[] {
    const found: string[] = [];
    for (const [name, known] of this.#known) {
      const isThere = present.has(name);
      if (known !== 'unknown' && (known === 'there') !== isThere)
        found.push(`${name} is ${isThere ? 'there' : 'gone'}, and was told to be ${known}`);
      if (isThere) this.#known.set(name, 'there');
      else this.#known.delete(name);
    }
    return found;
  }
}
