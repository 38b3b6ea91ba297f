import { ExitCode } from '../output/exit-code.js';

/** A request to stop, which may still come. */
export interface Interruption {
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Lets signals end the process at once again. */
  readonly stop: () => void;
}

/**
 * Makes the first SIGINT or SIGTERM a request to stop after the current piece of work. A second one ends the process at
 * once.
 */
export function interruption(onRequest: () => void): Interruption {
  const controller = new AbortController();
  const request = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.failure);
    controller.abort();
    onRequest();
  };
  process.on('SIGINT', request).on('SIGTERM', request);
  return { signal: controller.signal, stop: () => void process.off('SIGINT', request).off('SIGTERM', request) };
}
