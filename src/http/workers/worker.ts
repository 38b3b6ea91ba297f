import type { Config } from '../../config/config.js';
import { isOwnMessage, Questions, type OwnMetrics, type PrimaryMessage, type WorkerMessage } from './messages.js';

/** The other workers, as a server sees them. */
export interface Crew {
  /** The number of workers, with this one. */
  readonly size: number;
  /** Returns the metrics of all workers together, as text. Errors: one of them did not answer. */
  readonly metrics: () => Promise<string>;
  /** Sets what returns the metrics of this worker, when any of them is asked for those of all. */
  readonly answerWith: (own: () => Promise<OwnMetrics>) => void;
}

/** A worker, connected to its primary process. */
export interface Membership {
  readonly config: Config;
  readonly crew: Crew;
  /** Resolves when the worker must finish its requests in flight and end. */
  readonly stopped: Promise<void>;
  readonly listening: (url: string) => void;
  /** Tells the primary process why this worker cannot start. */
  readonly failed: (text: string) => Promise<void>;
}

/**
 * Asks the primary process what to do. When that process is gone, Node ends this one, so that no worker is left behind.
 */
export function joinWorkers(): Promise<Membership> {
  const questions = new Questions<string | null>();
  const stop = Promise.withResolvers<void>();
  let own: () => Promise<OwnMetrics> = () => Promise.resolve([]);
  const membership = ({ config, workers }: Extract<PrimaryMessage, { rollcall: 'begin' }>): Membership => ({
    config,
    crew: {
      size: workers,
      metrics: async () => {
        const text = await questions.ask(id => void tell({ rollcall: 'ask-metrics', id }));
        if (text === null) throw new Error('A worker did not return its metrics in time.');
        return text;
      },
      answerWith: answer => void (own = answer),
    },
    stopped: stop.promise,
    listening: url => void tell({ rollcall: 'listening', url }),
    failed: text => tell({ rollcall: 'failed', text }),
  });
  return new Promise(resolve => {
    process.on('message', (message: unknown) => {
      if (!isOwnMessage<PrimaryMessage>(message)) return;
      if (message.rollcall === 'begin') resolve(membership(message));
      else if (message.rollcall === 'stop') stop.resolve();
      else if (message.rollcall === 'metrics') questions.answer(message.id, message.text);
      else
        void own()
          .catch(() => null)
          .then(metrics => tell({ rollcall: 'own-metrics', id: message.id, metrics }));
    });
    void tell({ rollcall: 'here' });
  });
}

/** Sends a message; it is lost if the primary process is gone, which ends this one. */
function tell(message: WorkerMessage): Promise<void> {
  return new Promise(resolve => process.send!(message, undefined, undefined, () => resolve()));
}
