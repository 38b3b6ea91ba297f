import { channel } from 'node:diagnostics_channel';
import DataLoader from 'dataloader';
import type { Database } from '../database/database.js';
import { asLookAtViewers } from '../database/connections/purposes.js';
import { withinOwnLimit } from '../database/time-limits/time-limit.js';
import { Role } from '../entities/index.js';
import { builderFor, rows } from '../database/query.js';
import { rejection, type TokenError } from './token-error.js';
import type { Viewer } from './viewer.js';

/** Publishes each user whom this process has deleted, as DeletedUser. */
export const deletedUsers = channel('rollcall:user-deleted');

/** A user who was deleted, and from where. */
export interface DeletedUser {
  readonly database: Database;
  readonly id: number;
}

/** How many users are remembered; those that were looked up longest ago go first. */
const MAX_REMEMBERED_USERS = 20_000;

/** How long one look at users' rows may take, in seconds. */
const MAX_LOOK_SECONDS = 10;

/**
 * Whom a token names, as it says itself; `role` is null where it gives none, which it may only where roles come from
 * the database and it names a user.
 */
export interface Claimed {
  readonly userId: number | null;
  readonly role: Role | null;
}

/** How tokens' users are looked up. */
export interface KnownUsersOptions {
  /** How long what was found stays good, in seconds; 0 looks each time. */
  readonly checkSeconds: number;
  /** Where a viewer's role comes from: the token, or the user's row. */
  readonly roleFrom: 'token' | 'database';
  /** The time, in milliseconds. */
  readonly now?: () => number;
}

/** Returns the error for a token whose user is gone. */
export function userGone(): TokenError {
  return rejection('The token belongs to a user who does not exist any more. Sign in as another one.');
}

interface RememberedRole {
  /** The role in the user's row; null: there is no such user. */
  readonly role: Role | null;
  /** When it was asked for. */
  readonly at: number;
}

/** The users whom tokens name, by their rows: a token outlives the user and the role that it was issued for. */
export class KnownUsers {
  readonly #found = new Map<number, RememberedRole>();
  /** The looks at users' rows that are under way. */
  readonly #looks = new Map<number, Promise<Role | null>>();
  readonly #loader: DataLoader<number, Role | null>;
  readonly #now: () => number;
  readonly #onDeleted: (message: unknown) => void;

  constructor(
    database: Database,
    private readonly options: KnownUsersOptions,
  ) {
    this.#now = options.now ?? (() => performance.now());
    // Without its own memory: all who ask at once share a statement, and later ones the maps above.
    this.#loader = new DataLoader<number, Role | null>(
      async ids => {
        const query = builderFor(database)
          .selectFrom('core_user')
          .select(['id', 'role'])
          .where('id', 'in', [...new Set(ids)]);
        // Within a limit of its own: several requests share it, so it must not end when the first of them does.
        const found = await withinOwnLimit(MAX_LOOK_SECONDS, () => asLookAtViewers(() => rows(database, query)));
        const roles = new Map(found.map(row => [row.id, row.role as Role]));
        return ids.map(id => roles.get(id) ?? null);
      },
      { cache: false, maxBatchSize: 1000 },
    );
    this.#onDeleted = message => {
      const deleted = message as DeletedUser;
      if (deleted.database !== database) return;
      this.#found.delete(deleted.id);
      // What a look under way has seen may be from before.
      this.#looks.delete(deleted.id);
    };
    deletedUsers.subscribe(this.#onDeleted);
  }

  /**
   * Returns whom a token stands for. Errors: TokenError where its user is gone; those of reading, unless the user was
   * found before.
   */
  async viewerOf({ userId, role }: Claimed): Promise<Viewer> {
    // A token without a user is the word of whom issues tokens alone: there is no row to ask.
    if (userId === null) return { userId, role: role! };
    const known = await this.#roleOf(userId);
    if (known === null) throw userGone();
    return { userId, role: this.options.roleFrom === 'database' ? known : role! };
  }

  /** Ends it. */
  close(): void {
    deletedUsers.unsubscribe(this.#onDeleted);
  }

  async #roleOf(userId: number): Promise<Role | null> {
    const found = this.#found.get(userId);
    if (found && this.#now() - found.at < this.options.checkSeconds * 1000) return found.role;
    try {
      return await this.#look(userId);
    } catch (error) {
      // Somebody who was there a moment ago is not turned away for the database's sake; what they ask will tell its
      // trouble.
      const last = this.#found.get(userId);
      if (last) return last.role;
      throw error;
    }
  }

  /** Looks at a user's row; all who ask while a look is under way share it. */
  async #look(userId: number): Promise<Role | null> {
    const begun = this.#looks.get(userId);
    if (begun) return begun;
    const at = this.#now();
    const look: Promise<Role | null> = this.#loader.load(userId).then(
      role => {
        if (this.#looks.get(userId) !== look) return this.#look(userId);
        this.#looks.delete(userId);
        this.#remember(userId, { role, at });
        return role;
      },
      (error: unknown) => {
        if (this.#looks.get(userId) === look) this.#looks.delete(userId);
        throw error;
      },
    );
    this.#looks.set(userId, look);
    return look;
  }

  #remember(userId: number, found: RememberedRole): void {
    this.#found.delete(userId);
    this.#found.set(userId, found);
    if (this.#found.size > MAX_REMEMBERED_USERS) this.#found.delete(this.#found.keys().next().value!);
  }
}
