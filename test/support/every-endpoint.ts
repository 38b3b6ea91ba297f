import { createClient } from 'graphql-ws';
import type { Api } from './api.js';

/** A GraphQL request, by any protocol. */
export interface SentBody {
  readonly query: string;
  readonly variables?: object;
  readonly operationName?: string;
}

/** The answer to a request: the errors, and whether there was data. */
interface EndpointAnswer {
  readonly errors: readonly {
    readonly message: string;
    readonly extensions: { readonly code: string; readonly argument?: string };
  }[];
  readonly text: string;
}

/** A way to send a request to a server. */
export interface Endpoint {
  readonly name: string;
  /** The root type of the operations that it accepts. */
  readonly root: 'query' | 'subscription';
  /** The maximum length of a request, in characters. */
  readonly room: number;
  readonly send: (api: Api, body: SentBody, token?: string | null) => Promise<EndpointAnswer>;
}

const answerOf = (text: string): EndpointAnswer => ({
  text,
  errors: (JSON.parse(text) as Partial<EndpointAnswer>).errors ?? [],
});
const bearer = (token: string | null): Record<string, string> =>
  token === null ? {} : { authorization: `Bearer ${token}` };
const query = ({ query: text, variables, operationName }: SentBody): string =>
  String(
    new URLSearchParams({
      query: text,
      ...(variables && { variables: JSON.stringify(variables) }),
      ...(operationName !== undefined && { operationName }),
    }),
  );

async function firstEvent(response: Response): Promise<EndpointAnswer> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (
    let part = await reader.read();
    !part.done && !text.includes('\n\n', text.indexOf('data: {'));
    part = await reader.read()
  )
    text += part.value;
  await reader.cancel();
  return answerOf(/^data: (\{.+)$/m.exec(text)?.[1] ?? '{}');
}

/** The endpoints of GraphQL. */
export const endpoints: readonly Endpoint[] = [
  {
    name: 'POST /graphql',
    root: 'query',
    room: 1_000_000,
    send: async ({ url }, body, token = null) =>
      answerOf(
        await (
          await fetch(url, {
            method: 'POST',
            headers: {
              'content-type': 'application/json',
              accept: 'application/graphql-response+json',
              ...bearer(token),
            },
            body: JSON.stringify(body),
          })
        ).text(),
      ),
  },
  {
    name: 'GET /graphql',
    root: 'query',
    room: 14_000,
    send: async ({ url }, body, token = null) =>
      answerOf(
        await (
          await fetch(`${url}?${query(body)}`, {
            headers: { 'apollo-require-preflight': '1', accept: 'application/graphql-response+json', ...bearer(token) },
          })
        ).text(),
      ),
  },
  {
    name: 'POST /graphql/stream',
    root: 'subscription',
    room: 1_000_000,
    send: async ({ url }, body, token = null) =>
      firstEvent(
        await fetch(`${url}/stream`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...bearer(token) },
          body: JSON.stringify(body),
        }),
      ),
  },
  {
    name: 'GET /graphql/stream',
    root: 'subscription',
    room: 14_000,
    send: async ({ url }, body, token = null) =>
      firstEvent(
        await fetch(`${url}/stream?${query(body)}`, { headers: { accept: 'text/event-stream', ...bearer(token) } }),
      ),
  },
  {
    name: 'WebSocket /graphql',
    root: 'subscription',
    room: 120_000,
    async send({ url }, body, token = null) {
      const client = createClient({
        url: url.replace('http', 'ws'),
        retryAttempts: 0,
        connectionParams: bearer(token),
      });
      try {
        return answerOf(
          await new Promise<string>((resolve, reject) => {
            client.subscribe(body as never, {
              next: value => resolve(JSON.stringify(value)),
              error: thrown =>
                Array.isArray(thrown)
                  ? resolve(JSON.stringify({ errors: thrown as object[] }))
                  : reject(new Error('The connection has failed.', { cause: thrown })),
              complete: () => reject(new Error('The subscription has come to its end.')),
            });
          }),
        );
      } finally {
        await client.dispose();
      }
    },
  },
];
