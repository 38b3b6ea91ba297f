import { createClient } from 'graphql-ws';

/** Shows the counts of some courses until the function that it gives is called; it connects again by itself. */
export function watchCounts(url: string, token: () => string, courseIds: string[], show: (courseId: string, counts: { totalEnrollments: number; activeEnrollments: number } | null) => void): () => void {
  // Asked for a token at each connection: when one has expired (close code 4403) the next one takes another.
  const client = createClient({ url: url.replace(/^http/, 'ws'), connectionParams: () => ({ authorization: `Bearer ${token()}` }) });
  const query = 'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { id totalEnrollments activeEnrollments } } }';
  type Data = { courseCountsChanged: { courseId: string; course: { totalEnrollments: number; activeEnrollments: number } | null } };
  client.subscribe<Data>({ query, variables: { ids: courseIds } }, {
    next: ({ data, errors }) => (data ? show(data.courseCountsChanged.courseId, data.courseCountsChanged.course) : console.error(errors)),
    error: console.error,
    complete: () => undefined,
  });
  return () => void client.dispose();
}
