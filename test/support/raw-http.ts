import { once } from 'node:events';
import { connect } from 'node:net';
import { promptly } from './wait.js';

/** A parsed HTTP answer. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Returns the answer of a server to bytes on a connection of their own, which the server ends; with `halfClosed` the
 * client ends its side first.
 */
export async function answerToBytes(url: string, bytes: string, { halfClosed = false } = {}): Promise<RawReply> {
  const { hostname, port } = new URL(url);
  let all = '';
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => {
    socket.write(bytes, 'latin1');
    if (halfClosed) socket.end();
  });
  socket.setEncoding('utf8').on('data', part => (all += String(part)));
  await promptly(once(socket, 'end'), `The server did not end the connection. It said: ${all.slice(0, 500)}`);
  socket.destroy();
  return readReply(all);
}

/** Parses the last answer in some bytes; an interim one, such as 100 Continue, precedes it. */
export function readReply(text: string): RawReply {
  const [head = '', ...rest] = text.replace(/^HTTP\/1\.1 1\d\d [^]*?\r\n\r\n/, '').split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const headers = Object.fromEntries(
    fields.map(field => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]),
  );
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]), headers, body: rest.join('\r\n\r\n') };
}
