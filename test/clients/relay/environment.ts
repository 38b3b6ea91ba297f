import { Environment, Network, RecordSource, Store, type GraphQLResponse } from 'relay-runtime';

/** Makes an environment; `token` is called for every request, so that it may change. */
export function relayEnvironment(url: string, token: () => string | null): Environment {
  const network = Network.create(async ({ text }, variables) => {
    const current = token();
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(current && { authorization: `Bearer ${current}` }) },
      body: JSON.stringify({ query: text, variables }),
    });
    return (await response.json()) as GraphQLResponse;
  });
  return new Environment({
    network,
    store: new Store(new RecordSource()),
    // Ids are unique within a type: course 1 and enrollment 1 are two records.
    getDataID: (record, typeName) => (record['id'] == null ? null : `${typeName}:${String(record['id'])}`),
  });
}
