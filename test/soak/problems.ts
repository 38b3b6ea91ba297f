/** The problems that a soak has found, each kind once, with its number and the first example. */
export class Problems {
  readonly #found = new Map<string, { count: number; example: string }>();

  add(what: string, example = ''): void {
    const known = this.#found.get(what);
    if (known) known.count += 1;
    else this.#found.set(what, { count: 1, example });
  }

  /** Returns the problems since the last call. */
  take(): string[] {
    const lines = [...this.#found].map(
      ([what, { count, example }]) =>
        `${what}${count > 1 ? ` (${count} times)` : ''}${example && `, such as: ${example}`}`,
    );
    this.#found.clear();
    return lines;
  }
}
