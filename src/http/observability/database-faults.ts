import type { FastifyBaseLogger } from 'fastify';
import { troubleKinds, type Fault, type FaultKind } from '../../database/faults/fault.js';
import { faultWithin } from '../../database/faults/fault-of.js';

/**
 * The shortest time between two log lines about the same database error, in milliseconds: a flood of requests must not
 * become a flood of lines.
 */
const FAULT_LOG_INTERVAL_MS = 60_000;

/** The time for which the database counts as full or read-only after it last reported so, in milliseconds. */
const FAULT_MEMORY_MS = 15_000;

/** Returns what is logged about an error: of a database fault its kind, number and message; of any other all of it. */
export function loggedError(error: unknown): object {
  const fault = faultWithin(error);
  return fault?.callerCode == null ? { err: error } : { fault: fault.kind, errno: fault.number, error: fault.message };
}

/** The faults of a server's database that reached a caller or background work; for the log, the metrics and /readyz. */
export class DatabaseFaults {
  readonly #loggedAt = new Map<number | string, number>();
  readonly #counts = new Map<FaultKind, number>(troubleKinds.map(kind => [kind, 0]));
  readonly #last = new Map<FaultKind, { readonly fault: Fault; readonly at: number }>();

  /** Takes the logger, and a clock in milliseconds. */
  constructor(
    private readonly logger: FastifyBaseLogger,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Records an error if it is a fault of the database, and returns true if it is. It is logged under `message`,
   * together with `about`; if `message` is null, the caller logs it.
   */
  note(error: unknown, about: object = {}, message: string | null = 'a database operation failed'): boolean {
    const fault = faultWithin(error);
    if (!fault || !troubleKinds.includes(fault.kind)) return false;
    const now = this.now();
    this.#counts.set(fault.kind, this.#counts.get(fault.kind)! + 1);
    this.#last.set(fault.kind, { fault, at: now });
    const key = sameAs(fault);
    if (message !== null && now - (this.#loggedAt.get(key) ?? Number.NEGATIVE_INFINITY) >= FAULT_LOG_INTERVAL_MS) {
      this.#loggedAt.set(key, now);
      this.logger.warn({ ...about, ...loggedError(error) }, message);
    }
    return true;
  }

  /** The number of faults so far, by kind. */
  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  /** Returns the last fault of one of these kinds, if it was a moment ago. */
  recent(kinds: readonly FaultKind[]): Fault | undefined {
    const found = kinds.map(kind => this.#last.get(kind)).find(last => last && this.now() - last.at < FAULT_MEMORY_MS);
    return found?.fault;
  }
}

/**
 * Returns the key under which a fault is logged only once per interval: its number or, for a missing privilege, its
 * message, of which there are a few for each table.
 */
function sameAs({ kind, number, message }: Fault): number | string {
  return kind === 'denied' ? message : number;
}
