import { Agent, request } from 'node:http';
import type { Answer, Operation } from '../crash/load.ts';

/** The longest wait of a caller, in milliseconds: longer than the server may take for an answer. */
const PATIENCE_MS = 30_000;
/** Connections that are kept for the next calls. */
const MAX_IDLE = 64;

/** The result of a call: an answer, none, or a caller that left. */
export type CallResult =
  { readonly status: number; readonly answer: Answer & { readonly data?: unknown } } | 'no answer' | 'left';

/** A client with kept connections. */
export class Caller {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE });

  /** Sends an operation; `leaveAfterMs` is when the caller leaves without its answer. */
  post(url: string, token: string | null, operation: Operation, leaveAfterMs?: number): Promise<CallResult> {
    const body = JSON.stringify(operation);
    return this.#send(
      url,
      'POST',
      {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      body,
      leaveAfterMs,
    );
  }

  get(url: string): Promise<CallResult> {
    return this.#send(url, 'GET', {}, '');
  }

  /** Closes the connections, at a moment without a call. */
  rest(): void {
    this.#agent.destroy();
  }

  #send(
    url: string,
    method: string,
    headers: Record<string, string>,
    body: string,
    leaveAfterMs?: number,
  ): Promise<CallResult> {
    return new Promise(resolve => {
      const end = (result: CallResult): void => {
        clearTimeout(timer);
        resolve(result);
      };
      const sent = request(url, { method, headers, agent: this.#agent }, answer => {
        let text = '';
        answer.setEncoding('utf8').on('data', part => (text += String(part)));
        answer
          .on('end', () => end({ status: answer.statusCode!, answer: parsed(text) }))
          .on('error', () => end('no answer'));
      });
      sent.on('error', () => end('no answer'));
      sent.end(body);
      const leave = (as: CallResult): void => {
        end(as);
        sent.destroy();
      };
      const timer = setTimeout(
        () => leave(leaveAfterMs === undefined ? 'no answer' : 'left'),
        leaveAfterMs ?? PATIENCE_MS,
      );
    });
  }
}

function parsed(text: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return { errors: [{ message: text.slice(0, 200), extensions: { code: 'NO_JSON' } }] };
  }
}
