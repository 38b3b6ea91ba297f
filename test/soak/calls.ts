import type { Operation } from '../crash/load.ts';
import { Caller, type CallResult } from './caller.ts';
import type { Table } from './queries.ts';
import type { Call, CallKind, Group, Phase } from './tally.ts';

/** The subject of a call. */
export interface About {
  readonly name: string;
  readonly kind: CallKind;
  readonly tables: readonly Table[];
  readonly courses: readonly string[];
}

/** A judge of calls, which knows the ones that a fault affects. */
export interface Judge {
  readonly phase: Phase;
  readonly groupOf: (about: About) => Group;
  /** Judges a finished call, with the first message of its answer if it had an error. */
  readonly ended: (call: Call, message: string) => void;
}

/** The calls to a server, each of which is timed and judged. */
export class Calls {
  readonly #url: string;
  readonly #judge: Judge;
  readonly #caller = new Caller();
  #isAskingReady = false;

  constructor(url: string, judge: Judge) {
    this.#url = url;
    this.#judge = judge;
  }

  /** Sends an operation; `leaveAfterMs` is when the caller leaves without its answer. */
  send(about: About, token: string | null, operation: Operation, leaveAfterMs?: number): Promise<CallResult> {
    return this.#timed(about, this.#caller.post(this.#url, token, operation, leaveAfterMs));
  }

  /** Sends an operation to another server, which is not judged. */
  sendElsewhere(url: string, token: string, operation: Operation): Promise<CallResult> {
    return this.#caller.post(url, token, operation);
  }

  /** Polls /readyz, unless the last poll is not answered yet. */
  async pollReady(): Promise<void> {
    if (this.#isAskingReady) return;
    this.#isAskingReady = true;
    const about: About = { name: '/readyz', kind: 'ready', tables: [], courses: [] };
    await this.#timed(about, this.#caller.get(this.#url.replace('/graphql', '/readyz')));
    this.#isAskingReady = false;
  }

  /** Closes the kept connections, at a moment without a call. */
  rest(): void {
    this.#caller.rest();
  }

  async #timed(about: About, ending: Promise<CallResult>): Promise<CallResult> {
    const [start, phase, group] = [performance.now(), this.#judge.phase, this.#judge.groupOf(about)];
    const result = await ending;
    const { name, kind } = about;
    const call: Call = {
      name,
      kind,
      phase,
      group,
      code: codeOf(kind, result),
      milliseconds: performance.now() - start,
    };
    this.#judge.ended(call, messageOf(result));
    return result;
  }
}

/** Returns the code of a result: `ok`, `left`, a status, the code of an error, or what is missing. */
function codeOf(kind: CallKind, result: CallResult): string {
  if (typeof result === 'string') return result === 'left' ? 'left' : 'NO_ANSWER';
  const { status, answer } = result;
  if (kind === 'ready') return status === 200 ? 'ok' : String(status);
  if (answer.errors) return answer.errors[0]?.extensions?.code ?? 'NO_CODE';
  return answer.data ? 'ok' : 'NO_DATA';
}

function messageOf(result: CallResult): string {
  if (typeof result === 'string') return '';
  return result.answer.errors?.[0]?.message ?? JSON.stringify(result.answer).slice(0, 300);
}
