import { Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import type { Answer, Api } from '../../support/api.js';
import { sendMutation, type MutationName } from '../../support/mutations.js';
import { CommandLog } from '../command-log.js';
import type { Tally } from '../model-check.js';
import type { School } from './school.js';
import { differences, faultsIn, readTables } from './tables.js';

/** An id that no row has. */
export const UNKNOWN = 999_999_999;

/** The kind of a caller: anonymous, an admin's token without a user, a user, or a deleted one. */
export type CallerKind = 'nobody' | 'admin' | 'user' | 'former';

/** The sender of a request. */
export interface Caller {
  readonly text: string;
  readonly viewer: Viewer | null;
}

/** One run: a server, the model that its answers and its database must agree with, and the log. */
export class ModelRun {
  readonly log = new CommandLog();
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

  /** Returns a caller of a kind; an admin if none exists. */
  caller(kind: CallerKind, number: number): Caller {
    if (kind === 'nobody') return { text: 'nobody', viewer: null };
    const gone = [...this.#former].filter(([id]) => !this.school.users.has(id));
    const users = kind === 'former' ? gone : [...this.school.users].map(([id, { role }]) => [id, role] as const);
    if (kind === 'admin' || users.length === 0) return { text: 'an admin', viewer: { userId: null, role: Role.ADMIN } };
    const [userId, role] = users[number % users.length]!;
    return {
      text: `${this.log.name('user', userId, role)}${kind === 'former' ? ', who is deleted,' : ''}`,
      viewer: { userId, role },
    };
  }

  /** Returns a row's name in the log. */
  name(kind: 'user' | 'course' | 'enrollment', id: number): string {
    return id === UNKNOWN ? `an unknown ${kind}` : this.log.name(kind, id);
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

  /** Logs and counts the answers, by the codes of each request. */
  answered(answers: readonly (readonly string[])[]): void {
    const text = answers.map(codes => (codes.length === 0 ? ['done'] : codes));
    this.log.append(` → ${text.map(codes => codes.join(' ')).join(', ')}`);
    for (const code of text.flat()) this.tally.set(code, (this.tally.get(code) ?? 0) + 1);
  }

  /** Compares the database with the model, or adopts it as the model. Errors: a text that says what is wrong. */
  async check(learn = false): Promise<void> {
    const tables = await readTables(this.api.database);
    const wrong = [...faultsIn(tables), ...(learn ? [] : differences(tables.school, this.school))];
    if (wrong.length > 0) throw new Error(this.log.withNames(wrong.join('; ')));
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
