import type { Registry } from 'prom-client';
import type { Config } from '../../config/config.js';

/** The metrics of one process. */
export type OwnMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What a worker tells or asks its primary process; `rollcall` keeps these messages apart from those of libraries. */
export type WorkerMessage =
  /** It is there, and asks what to do. */
  | { readonly rollcall: 'here' }
  | { readonly rollcall: 'listening'; readonly url: string }
  /** It cannot start, with the text for people. */
  | { readonly rollcall: 'failed'; readonly text: string }
  /** It asks for the metrics of all workers together. */
  | { readonly rollcall: 'ask-metrics'; readonly id: number }
  | { readonly rollcall: 'own-metrics'; readonly id: number; readonly metrics: OwnMetrics | null };

/** What the primary process tells or asks a worker. */
export type PrimaryMessage =
  | { readonly rollcall: 'begin'; readonly config: Config; readonly workers: number }
  /** It must finish its requests in flight and end. */
  | { readonly rollcall: 'stop' }
  | { readonly rollcall: 'ask-own-metrics'; readonly id: number }
  /** The metrics of all workers; null if one of them did not answer. */
  | { readonly rollcall: 'metrics'; readonly id: number; readonly text: string | null };

/** Returns true for a message of the project itself. */
export function isOwnMessage<Message extends WorkerMessage | PrimaryMessage>(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'rollcall' in message;
}

/** Questions that wait for their answers. */
export class Questions<Answer> {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #last = 0;

  /** Asks by a function that sends the question's number. */
  ask(send: (id: number) => void): Promise<Answer> {
    const id = (this.#last += 1);
    return new Promise(resolve => {
      this.#waiting.set(id, resolve);
      send(id);
    }).finally(() => this.#waiting.delete(id)) as Promise<Answer>;
  }

  /** Resolves a question; one that is not open any more is ignored. */
  answer(id: number, answer: Answer): void {
    this.#waiting.get(id)?.(answer);
  }
}
