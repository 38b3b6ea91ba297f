type Kind = 'course' | 'student' | 'user' | 'enrollment';

/** The commands of a run, a sentence for each line, with names for rows that stay the same in every run of them. */
export class CommandLog {
  readonly lines: string[] = [];
  /** The number of transactions that are open around the next line. */
  depth = 0;
  readonly #numbers = new Map<string, number>();

  /** Returns a row's name: rows are numbered as they occur, since the ids of the database differ from run to run. */
  name(kind: Kind, id: number | undefined, title: string = kind): string {
    if (id === undefined) return `the new ${title}`;
    const key = `${kind} ${id}`;
    const number =
      this.#numbers.get(key) ?? [...this.#numbers.keys()].filter(one => one.startsWith(`${kind} `)).length + 1;
    this.#numbers.set(key, number);
    return `${title} ${number}`;
  }

  /** Returns a text with names in place of the ids. */
  withNames(text: string): string {
    return text.replaceAll(/(course|student|user|enrollment) (\d+)/g, (_, kind: Kind, id: string) =>
      this.name(kind, Number(id)),
    );
  }

  /** Writes a line. */
  write(sentence: string): void {
    this.lines.push(`${'  '.repeat(this.depth)}${sentence}`);
  }

  /** Appends to the last line. */
  append(words: string): void {
    this.lines.push(`${this.lines.pop() ?? ''}${words}`);
  }
}
