import type { FastifyBaseLogger } from 'fastify';
import { faultWithin, troubleKinds, type Fault, type FaultKind } from '../../database/faults/database-errors.js';

/**
 * How often one error of the database is logged at most, in milliseconds: a flood of requests must not become a flood
 * of lines.
 */
const LOG_INTERVAL_MS = 60_000;

/** How long the database is taken to have no room, or to be read only, after it was last said, in milliseconds. */
const REMEMBERED_MS = 15_000;

/** Returns what the log says of an error: of one that the database made, what it is, in one line; any other whole. */
export function loggedError(error: unknown): object {
  const fault = faultWithin(error);
  return fault?.told == null ? { err: error } : { fault: fault.kind, errno: fault.number, error: fault.message };
}

/**
 * The faults of a server's database that have reached a caller, or work in the background: for the log, the metrics and
 * /readyz.
 */
export class DatabaseFaults {
  readonly #loggedAt = new Map<number | string, number>();
  readonly #counts = new Map<FaultKind, number>(troubleKinds.map(kind => [kind, 0]));
  readonly #last = new Map<FaultKind, { readonly fault: Fault; readonly at: number }>();

  /** Takes where to log, and the time, in milliseconds. */
  constructor(
    private readonly logger: FastifyBaseLogger,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Takes note of what has failed, where it failed for the database's sake, and returns whether it did. It is logged,
   * with what it is about, as `message` says; null: the caller logs it.
   */
  note(
    error: unknown,
    about: object = {},
    message: string | null = 'the database has failed what it was asked for',
  ): boolean {
    const fault = faultWithin(error);
    if (!fault || !troubleKinds.includes(fault.kind)) return false;
    const now = this.now();
    this.#counts.set(fault.kind, this.#counts.get(fault.kind)! + 1);
    this.#last.set(fault.kind, { fault, at: now });
    const key = sameAs(fault);
    if (message !== null && now - (this.#loggedAt.get(key) ?? Number.NEGATIVE_INFINITY) >= LOG_INTERVAL_MS) {
      this.#loggedAt.set(key, now);
      this.logger.warn({ ...about, ...loggedError(error) }, message);
    }
    return true;
  }

  /** How many there were, by kind. */
  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  /** Returns the last fault of some kinds, where that was a moment ago. */
  recent(kinds: readonly FaultKind[]): Fault | undefined {
    const found = kinds.map(kind => this.#last.get(kind)).find(last => last && this.now() - last.at < REMEMBERED_MS);
    return found?.fault;
  }
}

/**
 * Returns what makes a fault the same as another for the log: its number; where a privilege is missing, also which, of
 * which there are a few for each table.
 */
function sameAs({ kind, number, message }: Fault): number | string {
  return kind === 'denied' ? message : number;
}
