import { setTimeout as delay } from 'node:timers/promises';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';

/** The stored counts of a course; null: it is gone. */
export type Counts = { readonly totalEnrollments: number; readonly activeEnrollments: number } | null;

interface Message {
  readonly data?: { readonly courseCountsChanged: { readonly courseId: string; readonly course: Counts } } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

const QUERY =
  'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { totalEnrollments activeEnrollments } } }';
/** How long a client waits before it connects again, in milliseconds. */
const AGAIN_MS = 200;

/** A client that follows the counts of some courses, or of all, and connects again whatever happens. */
export interface Listener {
  readonly name: string;
  /** The courses that it follows; null: all. */
  readonly courseIds: readonly string[] | null;
  /** The last that it was told of each course, on its present connection. */
  readonly last: ReadonlyMap<string, Counts>;
  readonly messages: number;
  /** When its last message came, as a moment of performance.now(). */
  readonly heardAt: number;
  readonly close: () => void;
}

/**
 * Subscribes as a frontend does; `onError` takes the code and message of each error that it is told, and `onMessage` is
 * called for each message.
 */
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
  const again = (): Promise<void> => delay(AGAIN_MS, undefined, { ref: false });
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
