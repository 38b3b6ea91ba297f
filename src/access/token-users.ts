import { channel } from 'node:diagnostics_channel';
import DataLoader from 'dataloader';
import type { Database } from '../database/database.js';
import { asViewerLookup } from '../database/connections/purposes.js';
import { withinOwnLimit } from '../database/time-limits/time-limit.js';
import type { Role, Key } from '../entities/index.js';
import { builderFor, rows } from '../database/query.js';
import { mostRecentlyUsed } from './most-recently-used.js';
import { rejection, type TokenError } from './token-error.js';
import type { Viewer } from './viewer.js';

/** The channel of each user that this process has deleted, as DeletedUser. */
export const deletedUsers = channel('rollcall:user-deleted');

/** A user who was deleted, and from where. */
export interface DeletedUser {
  readonly database: Database;
  readonly id: Key;
}

/** The most users that are remembered; the least recently used are forgotten first. */
const MAX_REMEMBERED_USERS = 20_000;

/** The longest time that looking up users may take, in seconds. */
const MAX_LOOKUP_SECONDS = 10;

/** What a token claims; `role` may be null only if roles come from the database and the token names a user. */
export interface TokenClaims {
  readonly userId: Key | null;
  readonly role: Role | null;
}

/** How tokens' users are looked up. */
export interface TokenUsersOptions {
  /** The time for which a user that was found is not looked up again, in seconds; 0: looked up each time. */
  readonly checkSeconds: number;
  /** The source of a viewer's role: the token, or the user's row. */
  readonly roleFrom: 'token' | 'database';
  /** The time, in milliseconds. */
  readonly now?: () => number;
}

/** Returns the error for a token whose user is gone. */
export function userGone(): TokenError {
  return rejection('The token belongs to a user who does not exist any more. Sign in as another one.');
}

interface RememberedRole {
  /** The role in the user's row; null if there is no such user. */
  readonly role: Role | null;
  /** The moment when the row was requested. */
  readonly at: number;
}

/** The users that tokens name, by their rows: a token outlives the user and the role that it was issued for. */
export class TokenUsers {
  readonly #found = mostRecentlyUsed<Key, RememberedRole>(MAX_REMEMBERED_USERS);
  /** The lookups that are in progress. */
  readonly #lookups = new Map<Key, Promise<Role | null>>();
  readonly #loader: DataLoader<Key, Role | null>;
  readonly #now: () => number;
  readonly #onDeleted: (message: unknown) => void;

  constructor(
    database: Database,
    private readonly options: TokenUsersOptions,
  ) {
    this.#now = options.now ?? (() => performance.now());
    // Without a cache of its own: simultaneous requests share a statement, and later ones use the maps above.
    this.#loader = new DataLoader<Key, Role | null>(
      async ids => {
        const query = builderFor(database)
          .selectFrom('core_user')
          .select(['id', 'role'])
          .where('id', 'in', [...new Set(ids)]);
        // With a limit of its own: several requests share it, so it must not end with the first of them.
        const found = await withinOwnLimit(MAX_LOOKUP_SECONDS, () => asViewerLookup(() => rows(database, query)));
        const roles = new Map(found.map(row => [row.id, row.role as Role]));
        return ids.map(id => roles.get(id) ?? null);
      },
      { cache: false, maxBatchSize: 1000 },
    );
    this.#onDeleted = message => {
      const deleted = message as DeletedUser;
      if (deleted.database !== database) return;
      this.#found.delete(deleted.id);
      // A lookup in progress may have read the row before.
      this.#lookups.delete(deleted.id);
    };
    deletedUsers.subscribe(this.#onDeleted);
  }

  /**
   * Returns the viewer of a token. Errors: TokenError if its user is gone; those of reading, unless the user was found
   * before.
   */
  async viewerOf({ userId, role }: TokenClaims): Promise<Viewer> {
    // A token without a user has no row to look up: its role is what the issuer says.
    if (userId === null) return { userId, role: role! };
    const current = await this.#roleOf(userId);
    if (current === null) throw userGone();
    return { userId, role: this.options.roleFrom === 'database' ? current : role! };
  }

  /** Returns the viewer of a token if no lookup is needed; undefined: ask viewerOf(). */
  knownViewer({ userId, role }: TokenClaims): Viewer | undefined {
    if (userId === null) return { userId, role: role! };
    const found = this.#found.get(userId);
    if (!found || found.role === null || !this.#isRecent(found)) return undefined;
    return { userId, role: this.options.roleFrom === 'database' ? found.role : role! };
  }

  /** Stops listening for deleted users. */
  close(): void {
    deletedUsers.unsubscribe(this.#onDeleted);
  }

  async #roleOf(userId: Key): Promise<Role | null> {
    const found = this.#found.get(userId);
    if (found && this.#isRecent(found)) return found.role;
    try {
      return await this.#lookUp(userId);
    } catch (error) {
      // A user who existed a moment ago is not rejected because the database is unavailable; the request itself will
      // report that.
      const last = this.#found.get(userId);
      if (last) return last.role;
      throw error;
    }
  }

  /** Looks up a user; requests that come while a lookup is in progress share it. */
  async #lookUp(userId: Key): Promise<Role | null> {
    const begun = this.#lookups.get(userId);
    if (begun) return begun;
    const at = this.#now();
    const lookup: Promise<Role | null> = this.#loader.load(userId).then(
      role => {
        if (this.#lookups.get(userId) !== lookup) return this.#lookUp(userId);
        this.#lookups.delete(userId);
        this.#found.set(userId, { role, at });
        return role;
      },
      (error: unknown) => {
        if (this.#lookups.get(userId) === lookup) this.#lookups.delete(userId);
        throw error;
      },
    );
    this.#lookups.set(userId, lookup);
    return lookup;
  }

  #isRecent({ at }: RememberedRole): boolean {
    return this.#now() - at < this.options.checkSeconds * 1000;
  }
}
