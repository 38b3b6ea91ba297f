import type { Finding } from '../../database/dialects/finding.js';

export { failed, ok, warning, type Finding, type FindingStatus } from '../../database/dialects/finding.js';

/** A finding with the name of its check. */
export interface NamedFinding extends Finding {
  readonly check: string;
}
