import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { promptly } from './wait.js';

/** The protocols of subscriptions. */
export const protocols = ['sse', 'ws'] as const;

/** A message of the subscription to counts: a result, as its client returns it. */
export interface CountsMessage {
  readonly data?: {
    readonly courseCountsChanged: {
      readonly courseId: string;
      readonly course: { readonly totalEnrollments: number; readonly activeEnrollments: number } | null;
    };
  } | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly unknown[];
    readonly extensions: { readonly code: string; readonly argument?: string };
  }[];
}

/** A real client with one subscription. */
export interface LiveClient {
  /** Returns the next message; it fails when the connection fails, and when the subscription has ended. */
  readonly next: () => Promise<CountsMessage>;
  /**
   * Returns the next message as `[course id, total, active]`, or `[course id, null]` for a deleted course; fails for an
   * error.
   */
  readonly counts: () => Promise<(number | null)[]>;
  /** Returns at the end: null if the server has completed it, otherwise the client's reason. */
  readonly ended: () => Promise<unknown>;
  /** The number of times that the client has connected. */
  readonly connections: number;
  readonly close: () => void;
}

/** The options of a subscription: its viewer, its courses (null: all), and others. */
export interface LiveOptions {
  readonly token?: string | null;
  readonly courseIds?: readonly (number | string)[] | null;
  readonly query?: string;
  /** How often the client reconnects, at once, before it gives up. */
  readonly retries?: number;
  /** Returns the URL for each connection, if it changes. */
  readonly url?: () => string;
}

const QUERY =
  'subscription Counts($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { id totalEnrollments activeEnrollments } } }';

/** Subscribes with the client that a frontend would use for a protocol. */
export function subscribeBy(
  protocol: (typeof protocols)[number],
  serverUrl: string,
  { token = null, courseIds = null, query = QUERY, retries = 0, url = () => serverUrl }: LiveOptions = {},
): LiveClient {
  let connections = 0;
  const request = { query, variables: courseIds === null ? {} : { ids: courseIds.map(String) } };
  const authorization = token === null ? null : { authorization: `Bearer ${token}` };
  const again = { retryAttempts: retries };
  const client =
    protocol === 'sse'
      ? createSseClient({
          ...again,
          url: () => `${url()}/stream`,
          headers: authorization ?? {},
          retry: () => Promise.resolve(),
          on: { connected: () => void (connections += 1) },
        })
      : createWsClient({
          ...again,
          url: () => url().replace('http', 'ws'),
          connectionParams: authorization ?? {},
          retryWait: () => Promise.resolve(),
          on: { connected: () => void (connections += 1) },
        });
  const messages = client.iterate(request);
  const self: LiveClient = {
    async next() {
      const { value, done } = await promptly(messages.next(), `No message has come by ${protocol}.`);
      if (done) throw new Error('The subscription has come to its end.');
      return value as CountsMessage;
    },
    async counts() {
      const message = await self.next();
      if (!message.data) throw new Error(JSON.stringify(message));
      const { courseId, course } = message.data.courseCountsChanged;
      return [Number(courseId), ...(course ? [course.totalEnrollments, course.activeEnrollments] : [null])];
    },
    async ended() {
      try {
        for (;;)
          if ((await promptly(messages.next(), `The subscription by ${protocol} has not ended.`)).done) return null;
      } catch (error) {
        return error;
      }
    },
    get connections() {
      return connections;
    },
    close() {
      void messages.return?.();
      void client.dispose();
    },
  };
  return self;
}
