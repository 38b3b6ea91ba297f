import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { KnownUsers } from '../services/known-users.js';
import { KeysError, rejection, TokenError } from '../services/token-error.js';
import { tokenVerifier } from '../services/tokens.js';
import type { Viewer } from '../services/viewer.js';
import type { LiveConnections } from './live/index.js';
import type { CurrentRequest } from './request-record.js';

/** How often missing keys are logged at most, in milliseconds: a flood of tokens must not become one of lines. */
const KEYS_LOG_INTERVAL_MS = 60_000;

/** Those who ask a server, by their tokens. */
export interface Viewers {
  /** Returns whom a token stands for now. Errors: TokenError; those of the database, where the user has to be looked up. */
  readonly verify: (token: string) => Promise<Viewer>;
  /** Sends listeners away whose user or role is gone. */
  watch(connections: LiveConnections): void;
}

/** Returns what finds out who asks: the token's word, checked against the users' rows. */
export function viewersOf(app: FastifyInstance, { config, database, logger, current }: { config: Config; database: Database; logger: FastifyBaseLogger; current: CurrentRequest }): Viewers {
  const claimedBy = tokenVerifier(config.jwt, {
    roleFrom: config.roleFrom,
    onTrouble: error =>
      error === null ? logger.info('the keys that verify tokens can be had again') : logger.warn({ err: error }, 'the identity provider does not give its keys; known ones stay in use'),
  });
  const users = new KnownUsers(database, { checkSeconds: config.userCheckSeconds, roleFrom: config.roleFrom });
  app.addHook('onClose', (_app, done) => {
    users.close();
    done();
  });
  let loggedAt = Number.NEGATIVE_INFINITY;
  return {
    async verify(token) {
      try {
        return await users.viewerOf(await claimedBy(token));
      } catch (error) {
        if (error instanceof KeysError && performance.now() - loggedAt >= KEYS_LOG_INTERVAL_MS) {
          loggedAt = performance.now();
          logger.error({ requestId: current()?.id, err: error }, 'the keys that verify tokens cannot be had');
        }
        throw error;
      }
    },
    watch(connections) {
      connections.recheck(config.userCheckSeconds * 1000, listener => {
        if (listener.viewer?.userId == null) return;
        rightsGone(users, listener.viewer).then(
          error => error && connections.sendAway(listener, error),
          (error: unknown) => logger.warn({ err: error }, 'the users who listen cannot be looked up; they stay until they can be'),
        );
      });
    },
  };
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
