import type { Fault } from './fault.ts';
import type { Problems } from './problems.ts';
import type { LogLine } from './rollcall.ts';
import type { Phase } from './tally.ts';

/** Checks that a fault explains a line of the log: no fault of a database is an internal error of the server. */
export function checkLogLine(line: LogLine, fault: Fault, phase: Phase, problems: Problems): void {
  if (line.msg === 'request' || line.msg === 'websocket') return;
  const isExpected =
    line.level < 50 &&
    phase !== 'calm' &&
    (line.fault === undefined ? fault.logged.length > 0 || fault.isVisible : fault.logged.includes(line.fault));
  if (!isExpected || 'stack' in line)
    problems.add(
      `the log has a line that the fault does not explain: ${line.msg}`,
      JSON.stringify(line).slice(0, 1500),
    );
}
