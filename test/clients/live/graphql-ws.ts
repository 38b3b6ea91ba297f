import { createClient } from 'graphql-ws';

interface Counts { courseCountsChanged: { courseId: string; course: { totalEnrollments: number; activeEnrollments: number } | null } }

/** Tells the counts of some courses until the function that it gives is called; connects again by itself. */
export function watchBySocket(url: string, token: () => string, ids: string[], tell: (change: Counts['courseCountsChanged']) => void, fail: (error: unknown) => void): () => unknown {
  // A function: after close code 4403, an expired token, the next connection takes another one.
  const client = createClient({ url: url.replace(/^http/, 'ws'), connectionParams: () => ({ authorization: `Bearer ${token()}` }) });
  const query = 'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { id totalEnrollments activeEnrollments } } }';
  client.subscribe<Counts>({ query, variables: { ids } }, {
    next: ({ data, errors }) => (data ? tell(data.courseCountsChanged) : fail(errors)),
    error: fail,
    complete: () => undefined,
  });
  return () => client.dispose();
}
