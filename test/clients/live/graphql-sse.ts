import { createClient } from 'graphql-sse';

interface Counts {
  courseCountsChanged: { courseId: string; course: { totalEnrollments: number; activeEnrollments: number } | null };
}

/** Reports the counts of some courses until the returned function is called; reconnects by itself. */
export function watchByEvents(
  url: string,
  token: () => string,
  ids: string[],
  tell: (change: Counts['courseCountsChanged']) => void,
  fail: (error: unknown) => void,
): () => unknown {
  const client = createClient({
    url: `${url}/stream`,
    headers: () => ({ authorization: `Bearer ${token()}` }),
    // For some minutes, at random moments, so that not all clients reconnect at once.
    retryAttempts: 100,
    retry: () => new Promise(again => setTimeout(again, Math.random() * 5000)),
  });
  const query =
    'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { id totalEnrollments activeEnrollments } } }';
  return client.subscribe<Counts>(
    { query, variables: { ids } },
    {
      next: ({ data, errors }) => (data ? tell(data.courseCountsChanged) : fail(errors)),
      error: fail,
      complete: () => undefined,
    },
  );
}
