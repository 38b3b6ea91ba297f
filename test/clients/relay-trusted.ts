import { Network, type GraphQLResponse } from 'relay-runtime';

/** Makes a network for Relay that sends the id of each operation; the compiler leaves out the text. */
export function trustedNetwork(url: string, token: () => string | null): ReturnType<typeof Network.create> {
  return Network.create(async ({ id }, variables) => {
    const current = token();
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(current && { authorization: `Bearer ${current}` }) },
      body: JSON.stringify({ documentId: id, variables }),
    });
    return (await response.json()) as GraphQLResponse;
  });
}
