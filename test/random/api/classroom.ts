import { Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import type { Answer, Api } from '../../support/api.js';
import { sendMutation, type MutationName } from '../../support/mutations.js';
import { Story } from '../story.js';
import type { Tally } from '../telling.js';
import type { School } from './school.js';
import { differences, faultsIn, readTables } from './tables.js';

/** Is an id that no row has. */
export const UNKNOWN = 999_999_999;

/**
 * Says of which kind a caller is: nobody signed in, an admin's token without a user, a user, or one who was deleted.
 */
export type CallerKind = 'nobody' | 'admin' | 'user' | 'former';

/** Is who sends a request. */
export interface Caller {
  readonly told: string;
  readonly viewer: Viewer | null;
}

/**
 * Is the stage of one story: a server, the model that its answers and its database must agree with, and what has
 * happened.
 */
export class Classroom {
  readonly story = new Story();
  operations = 0;
  readonly #former = new Map<number, Role>();
  readonly #tokens = new Map<string, string>();

  constructor(
    readonly api: Api,
    public school: School,
    private readonly tally: Tally,
  ) {
    this.#remember();
  }

  /** Gives a caller of a kind; an admin where there is none. */
  caller(kind: CallerKind, number: number): Caller {
    if (kind === 'nobody') return { told: 'nobody', viewer: null };
    const gone = [...this.#former].filter(([id]) => !this.school.users.has(id));
    const users = kind === 'former' ? gone : [...this.school.users].map(([id, { role }]) => [id, role] as const);
    if (kind === 'admin' || users.length === 0) return { told: 'an admin', viewer: { userId: null, role: Role.ADMIN } };
    const [userId, role] = users[number % users.length]!;
    return {
      told: `${this.story.name('user', userId, role)}${kind === 'former' ? ', who is deleted,' : ''}`,
      viewer: { userId, role },
    };
  }

  /** Gives a row's name in the story. */
  name(kind: 'user' | 'course' | 'enrollment', id: number): string {
    return id === UNKNOWN ? `an unknown ${kind}` : this.story.name(kind, id);
  }

  /** Sends a mutation. */
  async mutate(viewer: Viewer | null, name: MutationName, input: object): Promise<Answer> {
    this.#count(name);
    return sendMutation(this.api, await this.#token(viewer), name, input);
  }

  /** Sends a query. */
  async ask(viewer: Viewer | null, query: string): Promise<Answer> {
    this.#count('query');
    return this.api.send(await this.#token(viewer), query);
  }

  /** Tells and counts what was answered, by its codes for each request. */
  answered(answers: readonly (readonly string[])[]): void {
    const told = answers.map(codes => (codes.length === 0 ? ['done'] : codes));
    this.story.add(` → ${told.map(codes => codes.join(' ')).join(', ')}`);
    for (const code of told.flat()) this.tally.set(code, (this.tally.get(code) ?? 0) + 1);
  }

  /** Compares the database with the model, or takes it for the model; errors: a text that says what is wrong. */
  async check(learn = false): Promise<void> {
    const tables = await readTables(this.api.database);
    const wrong = [...faultsIn(tables), ...(learn ? [] : differences(tables.school, this.school))];
    if (wrong.length > 0) throw new Error(this.story.named(wrong.join('; ')));
    if (learn) this.school = tables.school;
    this.#remember();
  }

  #remember(): void {
    for (const [id, { role }] of this.school.users) this.#former.set(id, role);
  }

  #count(what: string): void {
    this.operations += 1;
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  async #token(viewer: Viewer | null): Promise<string | null> {
    if (!viewer) return null;
    const key = JSON.stringify(viewer);
    const token = this.#tokens.get(key) ?? (await this.api.token(viewer.role, viewer.userId));
    this.#tokens.set(key, token);
    return token;
  }
}
