import { createClient } from 'graphql-ws';

interface Counts {
  courseCountsChanged: { courseId: string; course: { totalEnrollments: number; activeEnrollments: number } | null };
}

/** Reports the counts of some courses until the returned function is called; reconnects by itself. */
export function watchBySocket(
  url: string,
  token: () => string,
  ids: string[],
  tell: (change: Counts['courseCountsChanged']) => void,
  fail: (error: unknown) => void,
): () => unknown {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    // A function, so that after close code 4403, an expired token, the next connection uses a new one.
    connectionParams: () => ({ authorization: `Bearer ${token()}` }),
    // Otherwise it gives up when a server cannot be reached at all, as while it is replaced.
    shouldRetry: () => true,
    // For some minutes, at random moments, so that not all clients reconnect at once.
    retryAttempts: 100,
    retryWait: () => new Promise(again => setTimeout(again, Math.random() * 5000)),
  });
  const query =
    'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { id totalEnrollments activeEnrollments } } }';
  client.subscribe<Counts>(
    { query, variables: { ids } },
    {
      next: ({ data, errors }) => (data ? tell(data.courseCountsChanged) : fail(errors)),
      error: fail,
      complete: () => undefined,
    },
  );
  return () => client.dispose();
}
