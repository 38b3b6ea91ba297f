import { RunKind, RunStatus, shownKey } from '../../entities/index.js';
import type { CourseChange, Run } from '../../recounts/index.js';
import { printable } from '../output/printable.js';

/** A change with the title of its course, which is null if the course no longer exists. */
type TitledChange = CourseChange & { readonly title: string | null };

/** A report of the changes of a run, printed as they are made, and of its outcome. */
export interface RunReport {
  readonly change: (change: TitledChange) => void;
  readonly end: (run: Run) => void;
}

/** Returns a report for people, or in JSON lines; `columnOf` returns the column that a counter is stored in. */
export function runReport(
  run: Pick<Run, 'kind' | 'dryRun'>,
  json: boolean,
  columnOf: (counter: string) => string,
  write: (text: string) => void,
): RunReport {
  if (json) {
    return {
      change: change => write(`${JSON.stringify(change)}\n`),
      end: ended => write(`${JSON.stringify({ run: ended })}\n`),
    };
  }
  return {
    change: ({ title, courseId, counter, after }) =>
      write(`${verbOf(run)} course ${titled(title)} (ID: ${shownKey(courseId)}) - ${columnOf(counter)}: ${after}\n`),
    end: ended => write(`${runOutcome(ended)}\n`),
  };
}

/** Returns a title in quotes, on one line whatever it contains. */
function titled(title: string | null): string {
  return title === null ? '(deleted)' : `"${printable(title)}"`;
}

/** Returns the outcome of a run in words, and what to do if it is not finished. */
export function runOutcome(run: Run): string {
  const { id, kind, status, checked, total, repaired, drifted, dryRun, undoneRunId, error, interrupted } = run;
  const things = kind === RunKind.UNDO ? 'changes' : 'courses';
  const resume = `Continue it with "rollcall runs resume ${id}".`;
  if (status === RunStatus.SUCCEEDED && kind === RunKind.UNDO)
    return `Completed! Undid ${repaired} change(s) of run ${undoneRunId}.`;
  if (status === RunStatus.SUCCEEDED && dryRun)
    return `Completed! Would update ${drifted} course(s) out of ${total} total courses.`;
  if (status === RunStatus.SUCCEEDED) return `Completed! Updated ${repaired} course(s) out of ${total} total courses.`;
  if (status === RunStatus.CANCELLED)
    return `Run ${id} was cancelled after ${checked} of ${total} ${things}; its changes stay. Undo them with "rollcall runs undo ${id}".`;
  if (status === RunStatus.PAUSED) return `Run ${id} is paused after ${checked} of ${total} ${things}. ${resume}`;
  if (status === RunStatus.RUNNING)
    return `Another process is working on run ${id}, after ${checked} of ${total} ${things}. "rollcall runs show ${id}" shows its progress.`;
  return `Run ${id} failed after ${checked} of ${total} ${things}: ${error}${interrupted || checked >= total ? '' : ` ${resume}`}`;
}

function verbOf({ kind, dryRun }: Pick<Run, 'kind' | 'dryRun'>): string {
  if (kind === RunKind.UNDO) return 'Undid';
  return dryRun ? 'Would update' : 'Updated';
}
