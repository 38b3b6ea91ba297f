import { ExitCode } from './exit-code.js';

/** Says whether somebody asked for the work to stop. */
export interface Interruption {
  /** Is aborted at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Lets signals end the process at once again. */
  readonly stop: () => void;
}

/**
 * Turns SIGINT and SIGTERM into a wish to stop after the piece of work at hand; a second one ends the process at once.
 */
export function interruption(onWish: () => void): Interruption {
  const controller = new AbortController();
  const wish = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.failure);
    controller.abort();
    onWish();
  };
  process.on('SIGINT', wish).on('SIGTERM', wish);
  return { signal: controller.signal, stop: () => void process.off('SIGINT', wish).off('SIGTERM', wish) };
}
