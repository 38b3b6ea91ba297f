import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { keyFormOf } from '../../database/mapped/key-forms.js';
import { faultOf } from '../../database/faults/fault-of.js';
import { WorkStopped } from '../../database/time-limits/time-limit.js';
import { WaitRefused } from '../../database/connections/wait-queue.js';
import { deletedUsers, TokenUsers, userGone, type DeletedUser } from '../../access/token-users.js';
import { rejection, TokenError, UncheckedTokenError, type UncheckedReason } from '../../access/token-error.js';
import { tokenVerifier } from '../../access/tokens.js';
import type { Viewer } from '../../access/viewer.js';
import { loggedError, type DatabaseFaults } from '../observability/database-faults.js';
import type { LiveConnections } from '../live/index.js';
import type { CurrentRequest } from '../observability/request-record.js';

/**
 * The shortest time between two log lines about tokens that cannot be checked, in milliseconds: a flood of tokens must
 * not become a flood of lines.
 */
const UNCHECKED_LOG_INTERVAL_MS = 60_000;

/** The log messages about tokens that cannot be checked. */
const uncheckedLogLines: Record<UncheckedReason, string> = {
  KEYS_UNAVAILABLE: 'the keys that verify tokens are not available',
  DATABASE_UNAVAILABLE: 'the users that tokens name cannot be looked up',
};

/** The viewers of a server, identified by their tokens. */
export interface Viewers {
  /**
   * Returns the viewer of a token. Errors: TokenError; UncheckedTokenError if the keys or the database are not
   * available.
   */
  readonly verify: (token: string) => Promise<Viewer>;
  /** Returns the viewer of a token for which nothing need be verified or looked up; undefined: ask verify(). */
  readonly known: (token: string) => Viewer | undefined;
  /** Returns how many tokens were checked with keys that were too old because the identity provider was away. */
  readonly staleKeyUses: () => number;
  /** Disconnects subscribers whose user was deleted or whose role has changed, from now on. */
  readonly watch: (connections: LiveConnections) => void;
}

/** Returns the viewers of a server: the claims of a token, checked against the users' rows. */
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
    userKeys: keyFormOf(database, 'users'),
    onTrouble: (error, areKnown) =>
      error === null
        ? logger.info('the keys that verify tokens are available again')
        : logger.warn(
            { err: error },
            `the identity provider does not return its keys; ${areKnown ? 'known ones stay in use' : 'none are known'}`,
          ),
    onStaleUse: () => (staleKeyUses += 1),
  });
  const users = new TokenUsers(database, { checkSeconds: config.userCheckSeconds, roleFrom: config.roleFrom });
  let connections: LiveConnections | null = null;
  const onDeleted = (message: unknown): void => {
    const deleted = message as DeletedUser;
    if (deleted.database !== database || !connections) return;
    for (const subscriber of connections.subscribers())
      if (subscriber.viewer?.userId === deleted.id) connections.disconnect(subscriber, userGone());
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
    // Each is counted, but only one line is logged for an outage, in which the errors differ.
    faults.note(error, about, null);
    if (performance.now() - (loggedAt.get(error.code) ?? Number.NEGATIVE_INFINITY) < UNCHECKED_LOG_INTERVAL_MS) return;
    loggedAt.set(error.code, performance.now());
    const line = { ...about, ...loggedError(error) };
    if (error.code === 'DATABASE_UNAVAILABLE') logger.warn(line, uncheckedLogLines[error.code]);
    else logger.error(line, uncheckedLogLines[error.code]);
  };
  let isCut = false;
  /** Logs once that the users of subscribers cannot be looked up, and once that they can be again. */
  const tellOf = (error: unknown): void => {
    if (error !== null && !isCut)
      logger.warn(
        loggedError(error),
        'the users of live connections cannot be looked up; they stay connected until they can be',
      );
    if (error === null && isCut) logger.info('the users of live connections can be looked up again');
    isCut = error !== null;
  };
  return {
    async verify(token) {
      try {
        return await users.viewerOf(await claimedBy(token));
      } catch (error) {
        const told = isDatabaseAway(error) ? new UncheckedTokenError('DATABASE_UNAVAILABLE', error) : error;
        if (told instanceof UncheckedTokenError) logUnchecked(told);
        throw told;
      }
    },
    known(token) {
      const claims = claimedBy.known(token);
      return claims && users.knownViewer(claims);
    },
    staleKeyUses: () => staleKeyUses,
    watch(served) {
      connections = served;
      // Every second; users whose last lookup is recent enough come from the cache, so no rights outlast that time.
      served.recheck(async subscribers => {
        let trouble: unknown = null;
        await Promise.all(
          subscribers
            .filter(({ viewer }) => viewer?.userId != null)
            .map(async subscriber => {
              try {
                const error = await rightsError(users, subscriber.viewer!);
                if (error) served.disconnect(subscriber, error);
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
 * Returns true if looking up users failed because the database is not available or does not answer in time, for example
 * because their rows are locked.
 */
function isDatabaseAway(error: unknown): boolean {
  return error instanceof WorkStopped || error instanceof WaitRefused || faultOf(error)?.callerCode != null;
}

/**
 * Returns why a viewer no longer has the rights that it had; null if it still has them. Errors: those of the database.
 */
async function rightsError(users: TokenUsers, viewer: Viewer): Promise<TokenError | null> {
  try {
    const { role } = await users.viewerOf(viewer);
    return role === viewer.role ? null : rejection('The role of this user has changed. Connect again.');
  } catch (error) {
    if (error instanceof TokenError) return error;
    throw error;
  }
}
