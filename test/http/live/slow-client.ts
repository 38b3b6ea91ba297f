import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { promptly } from '../../support/wait.js';
import type { protocols } from '../../support/live-clients.js';

/** A client that reads its socket only while the test lets it. */
export interface SlowClient {
  /** The total of each received message. */
  readonly totals: readonly number[];
  /** Returns when a message with this total is received; fails if the connection is lost before. */
  readonly until: (total: number) => Promise<void>;
  readonly stopReading: () => void;
  readonly readOn: () => void;
  readonly close: () => void;
}

interface Message {
  readonly data: { readonly courseCountsChanged: { readonly course: { readonly totalEnrollments: number } } };
}

/** Subscribes with a query that selects `course { totalEnrollments }`, without a token. */
export async function slowClient(
  protocol: (typeof protocols)[number],
  url: string,
  query: string,
): Promise<SlowClient> {
  const totals: number[] = [];
  let wanted = { total: NaN, come: (): void => undefined, fail: (_error: Error): void => undefined };
  const take = ({ data }: Message): void => {
    const { totalEnrollments: total } = data.courseCountsChanged.course;
    totals.push(total);
    if (total === wanted.total) wanted.come();
  };
  const lose = (): void =>
    wanted.fail(new Error(`The connection was lost before a message with total ${wanted.total} came.`));
  const socket =
    protocol === 'sse' ? await byEvents(url, query, take, lose) : await byWebSocket(url, query, take, lose);
  return {
    totals,
    until: total =>
      totals.includes(total)
        ? Promise.resolve()
        : promptly(
            new Promise<void>((come, fail) => (wanted = { total, come, fail })),
            `No message with total ${total} has come.`,
          ),
    ...socket,
  };
}

type Socket = Pick<SlowClient, 'stopReading' | 'readOn' | 'close'>;

async function byEvents(
  url: string,
  query: string,
  take: (message: Message) => void,
  lose: () => void,
): Promise<Socket> {
  const request = get(`${url}/stream?${new URLSearchParams({ query })}`, {
    agent: false,
    headers: { accept: 'text/event-stream' },
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.once('close', lose);
  let rest = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    const events = (rest + text).split('\n\n');
    rest = events.pop()!;
    for (const event of events)
      if (event.startsWith('event: next')) take(JSON.parse(event.slice(event.indexOf('{'))) as Message);
  });
  return {
    stopReading: () => void response.pause(),
    readOn: () => void response.resume(),
    close: () => void request.destroy(),
  };
}

async function byWebSocket(
  url: string,
  query: string,
  take: (message: Message) => void,
  lose: () => void,
): Promise<Socket> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
  socket.once('close', lose);
  await once(socket, 'open');
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(String(data)) as { type: string; payload: Message };
    if (message.type === 'connection_ack')
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
    if (message.type === 'next') take(message.payload);
  });
  socket.send('{"type":"connection_init"}');
  return { stopReading: () => socket.pause(), readOn: () => socket.resume(), close: () => socket.terminate() };
}
