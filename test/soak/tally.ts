/** The kinds of calls. */
export type CallKind = 'read' | 'write' | 'ready';

/** When a call begins: without a fault, during a fault, or after it during the recovery. */
export type Phase = 'calm' | 'fault' | 'recovery';

/** Whether the fault affects the rows of a call. */
export type Group = 'touched' | 'untouched';

/** One call with the code of its answer; `ok` is an answer without errors. */
export interface Call {
  readonly name: string;
  readonly kind: CallKind;
  readonly phase: Phase;
  readonly group: Group;
  readonly code: string;
  readonly milliseconds: number;
}

/** How long callers of one kind waited, in milliseconds. */
export interface Waits {
  readonly median: number;
  readonly most99: number;
  readonly longest: number;
}

/** The numbers and waits of calls, by their beginning, their kind and their code. */
export class Tally {
  readonly #codes = new Map<string, Map<string, number>>();
  readonly #waits = new Map<string, number[]>();

  add({ phase, group, kind, code, milliseconds }: Call): void {
    const place = placeOf(phase === 'calm' ? 'calm' : group, kind);
    const codes = this.#codes.get(place) ?? new Map<string, number>();
    this.#codes.set(place, codes.set(code, (codes.get(code) ?? 0) + 1));
    const waits = this.#waits.get(place) ?? [];
    this.#waits.set(place, waits);
    // A caller that left did not wait.
    if (code !== 'left') waits.push(milliseconds);
  }

  codes(group: Group | 'calm', kind: CallKind): Record<string, number> {
    return Object.fromEntries(this.#codes.get(placeOf(group, kind)) ?? []);
  }

  /** Returns the numbers of all answers to callers of a kind, by code. */
  all(kind: CallKind): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const group of ['calm', 'touched', 'untouched'] as const)
      for (const [code, count] of Object.entries(this.codes(group, kind))) sums[code] = (sums[code] ?? 0) + count;
    return sums;
  }

  /** Returns the waits of callers; null: there were none. */
  waits(group: Group | 'calm', kind: CallKind): Waits | null {
    const sorted = (this.#waits.get(placeOf(group, kind)) ?? []).toSorted((one, other) => one - other);
    if (sorted.length === 0) return null;
    return {
      median: sorted[Math.floor(sorted.length / 2)]!,
      most99: sorted[Math.floor(sorted.length * 0.99)]!,
      longest: sorted.at(-1)!,
    };
  }
}

function placeOf(group: Group | 'calm', kind: CallKind): string {
  return `${group} ${kind}`;
}
