import type { FindingStatus, NamedFinding } from '../../tools/doctor/finding.js';
import { printable } from '../output/printable.js';

/** Returns the line of a finding, and the line below it that says what to do. */
export function findingLines({ check, status, message, advice }: NamedFinding): string {
  const line = `${status.padEnd(8)} ${check.padEnd(13)} ${printable(message)}\n`;
  return advice === undefined ? line : `${line}${' '.repeat(23)}→ ${printable(advice)}\n`;
}

/** Returns findings as data, with the number of each status. */
export function findingDocument(findings: readonly NamedFinding[]): {
  readonly ok: number;
  readonly warnings: number;
  readonly failed: number;
  readonly checks: readonly object[];
} {
  return {
    ok: count(findings, 'ok'),
    warnings: count(findings, 'warning'),
    failed: count(findings, 'failed'),
    checks: findings.map(({ check, status, message, advice = null }) => ({ check, status, message, advice })),
  };
}

/** Returns the number of findings of each status, in words. */
export function findingTotals(findings: readonly NamedFinding[]): string {
  const warnings = count(findings, 'warning');
  return `${count(findings, 'ok')} ok, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${count(findings, 'failed')} failed.`;
}

function count(findings: readonly NamedFinding[], status: FindingStatus): number {
  return findings.filter(finding => finding.status === status).length;
}
