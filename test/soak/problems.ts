/** Collects what a soak has found wrong, each kind once, with how often it came and the first example. */
export class Problems {
  readonly #found = new Map<string, { count: number; example: string }>();

  add(what: string, example = ''): void {
    const known = this.#found.get(what);
    if (known) known.count += 1;
    else this.#found.set(what, { count: 1, example });
  }

  /** Returns what was found since it was last asked. */
  take(): string[] {
    const lines = [...this.#found].map(
      ([what, { count, example }]) =>
        `${what}${count > 1 ? ` (${count} times)` : ''}${example && `, such as: ${example}`}`,
    );
    this.#found.clear();
    return lines;
  }
}
