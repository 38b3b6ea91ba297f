/** The result of a check: as it should be, worth a look, or in need of repair. */
export type FindingStatus = 'ok' | 'warning' | 'failed';

/** One thing that a check found, and what to do about it. */
export interface Finding {
  readonly status: FindingStatus;
  readonly message: string;
  readonly advice?: string;
  /** True if the only failure is drift, which a recount repairs. */
  readonly drift?: true;
}

/** Returns a finding that everything is as it should be. */
export function ok(message: string): Finding & { readonly status: 'ok' } {
  return { status: 'ok', message };
}

/** Returns a finding that something is worth a look. */
export function warning(message: string, advice?: string): Finding {
  return { status: 'warning', message, ...(advice !== undefined && { advice }) };
}

/** Returns a finding that something needs repair. */
export function failed(message: string, advice?: string): Finding {
  return { status: 'failed', message, ...(advice !== undefined && { advice }) };
}
