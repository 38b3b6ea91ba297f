import { eventually } from './eventually.ts';
import type { Fault } from './fault.ts';
import type { Problems } from './problems.ts';
import type { Call, Phase } from './tally.ts';

/** The longest wait for an expected event, in milliseconds. */
const PATIENCE_MS = 60_000;
/** The number of consecutive good answers after which the server has recovered. */
const MIN_STREAK = 10;

/** Waits for calls with expected answers; those that do not come in time are problems. */
export class CallWatch {
  readonly #problems: Problems;
  #onCall: (call: Call) => void = () => undefined;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  /** Takes a finished call. */
  add(call: Call): void {
    this.#onCall(call);
  }

  /**
   * Resolves once callers of these groups and kinds have been answered, by calls that began from now on, and without an
   * error among the last calls.
   */
  async answered(places: Iterable<string>, phase: () => Phase): Promise<void> {
    const all = new Set(places);
    let wanted = new Set(all);
    let [since, inOrder] = [performance.now(), 0];
    await this.#until(
      call => {
        if (call.code === 'left') return false;
        if (call.code !== 'ok') [wanted, since, inOrder] = [new Set(all), performance.now(), 0];
        else if (performance.now() - call.milliseconds >= since) {
          inOrder += 1;
          wanted.delete(placeOf(call, phase()));
        }
        return wanted.size === 0 && inOrder >= MIN_STREAK;
      },
      () => `Callers were not answered: ${[...wanted].join(', ') || 'some of each kind'}`,
    );
  }

  /** Resolves once callers and /readyz show a fault; adds the groups and kinds of the calls to `places`. */
  async visible(fault: Fault, places: Set<string>): Promise<void> {
    let [isVisible, isUnready] = [!fault.isVisible, fault.ready !== 503];
    const kinds = new Set(['read', 'write']);
    await this.#until(
      call => {
        if (call.phase !== 'fault') return false;
        places.add(placeOf(call, 'fault'));
        if (call.kind === 'ready') isUnready ||= call.code === '503';
        else if (call.group === 'touched' && call.code !== 'ok' && call.code !== 'left') isVisible = true;
        if (call.code === 'ok') kinds.delete(call.kind);
        return isVisible && isUnready && (fault.isVisible || kinds.size === 0);
      },
      () =>
        `the fault ${fault.name} was not visible: ${isVisible ? '/readyz stayed 200' : 'no caller got a code because of it'}`,
    );
  }

  /** Resolves once a condition holds; if it does not for long, that is a problem. */
  async eventually(holds: () => boolean | Promise<boolean>, otherwise: () => string): Promise<void> {
    try {
      await eventually(holds, PATIENCE_MS, otherwise);
    } catch (error) {
      this.#problems.add((error as Error).message);
    }
  }

  async #until(isSeen: (call: Call) => boolean, otherwise: () => string): Promise<void> {
    let seen = false;
    this.#onCall = call => void (seen ||= isSeen(call));
    try {
      await this.eventually(() => seen, otherwise);
    } finally {
      this.#onCall = () => undefined;
    }
  }
}

/** Returns the group and kind of a call; without a fault there is one group. */
function placeOf({ group, kind }: Call, phase: Phase): string {
  return `${phase === 'calm' ? 'untouched' : group} ${kind}`;
}
