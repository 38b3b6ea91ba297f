import { setTimeout as delay } from 'node:timers/promises';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';

/** The stored counts of a course; null: it is deleted. */
export type Counts = { readonly totalEnrollments: number; readonly activeEnrollments: number } | null;

interface Message {
  readonly data?: { readonly courseCountsChanged: { readonly courseId: string; readonly course: Counts } } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

const QUERY =
  'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { totalEnrollments activeEnrollments } } }';
/** The pause before a client reconnects, in milliseconds. */
const RESENT_AFTER_MS = 200;

/** A client that subscribes to the counts of some courses, or of all, and reconnects whatever happens. */
export interface Listener {
  readonly name: string;
  /** The courses of the subscription; null: all. */
  readonly courseIds: readonly string[] | null;
  /** The last message about each course on its present connection. */
  readonly last: ReadonlyMap<string, Counts>;
  readonly messages: number;
  /** The moment of its last message, by performance.now(). */
  readonly heardAt: number;
  readonly close: () => void;
}

/** Subscribes as a frontend does; `onError` is called with the code and message of each error. */
export function listen(
  protocol: 'ws' | 'sse',
  url: string,
  token: string,
  courseIds: readonly string[] | null,
  onError: (code: string, message: string) => void,
): Listener {
  const last = new Map<string, Counts>();
  let [messages, heardAt, isOpen] = [0, 0, true];
  const headers = { authorization: `Bearer ${token}` };
  const options = { retryAttempts: Number.POSITIVE_INFINITY, on: { connected: () => last.clear() } };
  const again = (): Promise<void> => delay(RESENT_AFTER_MS, undefined, { ref: false });
  const client =
    protocol === 'ws'
      ? createWsClient({
          ...options,
          url: url.replace('http', 'ws'),
          webSocketImpl: WebSocket,
          connectionParams: headers,
          shouldRetry: () => true,
          retryWait: again,
        })
      : createSseClient({ ...options, url: `${url}/stream`, headers, retry: again });
  const subscribe = (): void => {
    const report = (errors: unknown): void => {
      for (const { extensions, message } of Array.isArray(errors) ? (errors as NonNullable<Message['errors']>) : [])
        onError(extensions?.code ?? 'NO_CODE', message);
    };
    const over = (error?: unknown): void => {
      if (!isOpen) return;
      report(error);
      void again().then(() => isOpen && subscribe());
    };
    client.subscribe(
      { query: QUERY, variables: courseIds === null ? {} : { ids: courseIds } },
      {
        next(result) {
          const message = result as Message;
          if (!message.data) return report(message.errors);
          const { courseId, course } = message.data.courseCountsChanged;
          last.set(courseId, course);
          messages += 1;
          heardAt = performance.now();
        },
        error: over,
        complete: () => over(),
      },
    );
  };
  subscribe();
  return {
    name: `a listener by ${protocol} to ${courseIds === null ? 'all courses' : `${courseIds.length} courses`}`,
    courseIds,
    last,
    get messages() {
      return messages;
    },
    get heardAt() {
      return heardAt;
    },
    close() {
      isOpen = false;
      void client.dispose();
    },
  };
}
