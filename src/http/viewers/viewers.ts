import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { faultOf } from '../../database/faults/database-errors.js';
import { WorkStopped } from '../../database/time-limits/time-limit.js';
import { NoTurn } from '../../database/connections/waiting-line.js';
import { deletedUsers, KnownUsers, userGone, type DeletedUser } from '../../access/known-users.js';
import { rejection, TokenError, UncheckedTokenError, type UncheckedReason } from '../../access/token-error.js';
import { tokenVerifier } from '../../access/tokens.js';
import type { Viewer } from '../../access/viewer.js';
import { loggedError, type DatabaseFaults } from '../observability/database-faults.js';
import type { LiveConnections } from '../live/index.js';
import type { CurrentRequest } from '../observability/request-record.js';

/**
 * How often it is logged at most that tokens cannot be checked, in milliseconds: a flood of tokens must not become one
 * of lines.
 */
const UNCHECKED_LOG_INTERVAL_MS = 60_000;

/** What the log says of tokens that cannot be checked. */
const unchecked: Record<UncheckedReason, string> = {
  KEYS_UNAVAILABLE: 'the keys that verify tokens cannot be had',
  DATABASE_UNAVAILABLE: 'the users whom tokens name cannot be looked up',
};

/** Those who ask a server, by their tokens. */
export interface Viewers {
  /** Returns whom a token stands for now. Errors: TokenError; UncheckedTokenError where keys or database are away. */
  readonly verify: (token: string) => Promise<Viewer>;
  /** Returns how many tokens were checked with keys that were too old, as the identity provider was away. */
  readonly staleKeyUses: () => number;
  /** Sends listeners away whose user or role is gone. */
  watch(connections: LiveConnections): void;
}

/** Returns what finds out who asks: the token's word, checked against the users' rows. */
export function viewersOf(
  app: FastifyInstance,
  {
    config,
    database,
    faults,
    logger,
    current,
  }: { config: Config; database: Database; faults: DatabaseFaults; logger: FastifyBaseLogger; current: CurrentRequest },
): Viewers {
  let staleKeyUses = 0;
  const claimedBy = tokenVerifier(config.jwt, {
    roleFrom: config.roleFrom,
    onTrouble: (error, areKnown) =>
      error === null
        ? logger.info('the keys that verify tokens can be had again')
        : logger.warn(
            { err: error },
            `the identity provider does not give its keys; ${areKnown ? 'known ones stay in use' : 'none are known'}`,
          ),
    onStaleUse: () => (staleKeyUses += 1),
  });
  const users = new KnownUsers(database, { checkSeconds: config.userCheckSeconds, roleFrom: config.roleFrom });
  let connections: LiveConnections | null = null;
  const onDeleted = (message: unknown): void => {
    const deleted = message as DeletedUser;
    if (deleted.database !== database || !connections) return;
    for (const listener of connections.listeners())
      if (listener.viewer?.userId === deleted.id) connections.sendAway(listener, userGone());
  };
  deletedUsers.subscribe(onDeleted);
  app.addHook('onClose', (_app, done) => {
    deletedUsers.unsubscribe(onDeleted);
    users.close();
    done();
  });
  const loggedAt = new Map<UncheckedReason, number>();
  const logUnchecked = (error: UncheckedTokenError): void => {
    const about = { requestId: current()?.id };
    // Counted each; logged once for all of an outage, which gives one after another different errors.
    faults.note(error, about, null);
    if (performance.now() - (loggedAt.get(error.code) ?? Number.NEGATIVE_INFINITY) < UNCHECKED_LOG_INTERVAL_MS) return;
    loggedAt.set(error.code, performance.now());
    const line = { ...about, ...loggedError(error) };
    if (error.code === 'DATABASE_UNAVAILABLE') logger.warn(line, unchecked[error.code]);
    else logger.error(line, unchecked[error.code]);
  };
  let isCut = false;
  /** Tells once that listeners cannot be looked up, and once that they can be again. */
  const tellOf = (error: unknown): void => {
    if (error !== null && !isCut)
      logger.warn(loggedError(error), 'the users who listen cannot be looked up; they stay until they can be');
    if (error === null && isCut) logger.info('the users who listen can be looked up again');
    isCut = error !== null;
  };
  return {
    async verify(token) {
      try {
        return await users.viewerOf(await claimedBy(token));
      } catch (error) {
        const told = isAway(error) ? new UncheckedTokenError('DATABASE_UNAVAILABLE', error) : error;
        if (told instanceof UncheckedTokenError) logUnchecked(told);
        throw told;
      }
    },
    staleKeyUses: () => staleKeyUses,
    watch(served) {
      connections = served;
      // Every second, of those whose last look is as old as it may be: so nobody's rights last longer than that.
      served.recheck(async listeners => {
        let trouble: unknown = null;
        await Promise.all(
          listeners
            .filter(({ viewer }) => viewer?.userId != null)
            .map(async listener => {
              try {
                const error = await rightsGone(users, listener.viewer!);
                if (error) served.sendAway(listener, error);
              } catch (error) {
                trouble = error;
              }
            }),
        );
        tellOf(trouble);
      });
    },
  };
}

/**
 * Returns true for the error of a look at users' rows that found no database, or none that answers in time, as where
 * others have locked the rows.
 */
function isAway(error: unknown): boolean {
  return error instanceof WorkStopped || error instanceof NoTurn || faultOf(error)?.told != null;
}

/** Returns why a viewer has not the rights any more that it had; null: it has. */
async function rightsGone(users: KnownUsers, viewer: Viewer): Promise<TokenError | null> {
  try {
    const { role } = await users.viewerOf(viewer);
    return role === viewer.role ? null : rejection('The role of this user has changed. Connect again.');
  } catch (error) {
    if (error instanceof TokenError) return error;
    throw error;
  }
}
