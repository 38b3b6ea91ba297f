import { RunKind, RunStatus } from '../entities/index.js';
import type { CourseChange, Run } from '../recounts/index.js';
import { printable } from './table.js';

/** Is a change as it is told of: with the title of its course; null: the course is gone. */
type TitledChange = CourseChange & { readonly title: string | null };

/** Prints the changes of a run as they are made, and what became of the run. */
export interface RunReport {
  readonly change: (change: TitledChange) => void;
  readonly end: (run: Run) => void;
}

/** Gives a report for people or as JSON lines; `columnOf` gives the column that a counter is stored in. */
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
      write(`${verbOf(run)} course ${titled(title)} (ID: ${courseId}) - ${columnOf(counter)}: ${after}\n`),
    end: ended => write(`${runOutcome(ended)}\n`),
  };
}

/** Gives a title in quotes, on one line whatever it holds. */
function titled(title: string | null): string {
  return title === null ? '(deleted)' : `"${printable(title)}"`;
}

/** Says in words what became of a run, and what to do where it is not over. */
export function runOutcome(run: Run): string {
  const { id, kind, status, checked, total, repaired, drifted, dryRun, undoneRunId, error, interrupted } = run;
  const things = kind === RunKind.UNDO ? 'changes' : 'courses';
  const resume = `"rollcall runs resume ${id}" goes on.`;
  if (status === RunStatus.SUCCEEDED && kind === RunKind.UNDO)
    return `Completed! Took back ${repaired} change(s) of run ${undoneRunId}.`;
  if (status === RunStatus.SUCCEEDED && dryRun)
    return `Completed! Would update ${drifted} course(s) out of ${total} total courses.`;
  if (status === RunStatus.SUCCEEDED) return `Completed! Updated ${repaired} course(s) out of ${total} total courses.`;
  if (status === RunStatus.CANCELLED)
    return `Run ${id} was cancelled after ${checked} of ${total} ${things}; what it changed stays. "rollcall runs undo ${id}" takes it back.`;
  if (status === RunStatus.PAUSED) return `Run ${id} is paused after ${checked} of ${total} ${things}. ${resume}`;
  if (status === RunStatus.RUNNING)
    return `Run ${id} is being worked on by another process, after ${checked} of ${total} ${things}. "rollcall runs show ${id}" tells how far it is.`;
  return `Run ${id} failed after ${checked} of ${total} ${things}: ${error}${interrupted || checked >= total ? '' : ` ${resume}`}`;
}

function verbOf({ kind, dryRun }: Pick<Run, 'kind' | 'dryRun'>): string {
  if (kind === RunKind.UNDO) return 'Took back';
  return dryRun ? 'Would update' : 'Updated';
}
