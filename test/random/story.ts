type Kind = 'course' | 'student' | 'user' | 'enrollment';

/** Tells what happens, a sentence for each line, in names that stay the same when it is told again. */
export class Story {
  readonly lines: string[] = [];
  /** Says how many transactions are open around what is told. */
  depth = 0;
  readonly #numbers = new Map<string, number>();

  /** Gives a row's name: rows are numbered as they come up, for the database's ids go on from story to story. */
  name(kind: Kind, id: number | undefined, told: string = kind): string {
    if (id === undefined) return `the new ${told}`;
    const key = `${kind} ${id}`;
    const number =
      this.#numbers.get(key) ?? [...this.#numbers.keys()].filter(one => one.startsWith(`${kind} `)).length + 1;
    this.#numbers.set(key, number);
    return `${told} ${number}`;
  }

  /** Gives a text with names in place of the ids. */
  named(text: string): string {
    return text.replaceAll(/(course|student|user|enrollment) (\d+)/g, (_, kind: Kind, id: string) =>
      this.name(kind, Number(id)),
    );
  }

  /** Tells a sentence. */
  tell(sentence: string): void {
    this.lines.push(`${'  '.repeat(this.depth)}${sentence}`);
  }

  /** Adds to the sentence that was told last. */
  add(words: string): void {
    this.lines.push(`${this.lines.pop() ?? ''}${words}`);
  }
}
