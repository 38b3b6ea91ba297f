import { createClient } from 'graphql-ws';

interface Counts {
  courseCountsChanged: { courseId: string; course: { totalEnrollments: number; activeEnrollments: number } | null };
}

/** Tells the counts of some courses until the function that it gives is called; connects again by itself. */
export function watchBySocket(
  url: string,
  token: () => string,
  ids: string[],
  tell: (change: Counts['courseCountsChanged']) => void,
  fail: (error: unknown) => void,
): () => unknown {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    // A function: after close code 4403, an expired token, the next connection takes another one.
    connectionParams: () => ({ authorization: `Bearer ${token()}` }),
    // Else it gives up where a server cannot be reached at all, as while one is replaced.
    shouldRetry: () => true,
    // For some minutes, at random moments, so that not all clients come back at once.
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
