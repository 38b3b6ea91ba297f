import { shownKey } from '../../entities/index.js';
import type { Problem } from '../../use-cases/outcome.js';
import type { CourseCount } from '../../recounts/verify-counts.js';
import { quantity, grouped } from '../../tools/words.js';
import { headingOf, lineOf, type Column } from '../output/table.js';

/**
 * The totals of a verification: the courses in scope and those checked, the counts that do not match, the number of
 * courses that they belong to, and what could not be verified.
 */
export interface VerifyTotals {
  readonly total: number;
  checked: number;
  mismatches: number;
  courses: number;
  readonly problems: readonly Problem[];
}

/** A report of what a verification finds, printed as it is found. */
export interface VerifyReport {
  readonly counts: (counts: readonly CourseCount[]) => void;
  readonly summary: (totals: VerifyTotals, interrupted: boolean) => void;
}

const mismatchColumns: readonly Column[] = [
  { title: 'id', width: 8, number: true },
  { title: 'title', width: 36 },
  { title: 'counter', width: 24 },
  { title: 'stored', width: 8, number: true },
  { title: 'actual', width: 8, number: true },
  { title: 'result', width: 8 },
];

/** Returns a report that is a table, or JSON lines. */
export function verifyReport({ json, write }: { readonly json: boolean; write: (text: string) => void }): VerifyReport {
  return json ? jsonReport(write) : tableReport(write);
}

function tableReport(write: (text: string) => void): VerifyReport {
  let begun = false;
  return {
    counts(counts) {
      if (counts.length === 0) return;
      const heading = begun ? [] : [headingOf(mismatchColumns)];
      begun = true;
      const lines = counts.map(count =>
        lineOf(mismatchColumns, [
          String(shownKey(count.courseId)),
          count.title,
          count.counter,
          String(count.stored),
          String(count.actual),
          resultOf(count),
        ]),
      );
      write(`${[...heading, ...lines].join('\n')}\n`);
    },
    summary: (totals, interrupted) => write(`${begun ? '\n' : ''}${verifySummary(totals, interrupted)}\n`),
  };
}

function jsonReport(write: (text: string) => void): VerifyReport {
  return {
    counts(counts) {
      const lines = counts.map(count => {
        const { courseId, title, counter, stored, actual, drift } = count;
        return `${JSON.stringify({ courseId: shownKey(courseId), title, counter, stored, actual, drift, result: resultOf(count) })}\n`;
      });
      if (lines.length > 0) write(lines.join(''));
    },
    summary({ total, checked, mismatches, courses, problems }, interrupted) {
      const summary = {
        courses: total,
        checked,
        mismatches,
        mismatchingCourses: courses,
        interrupted,
        problems: problems.map(({ message }) => message),
      };
      write(`${JSON.stringify({ summary })}\n`);
    },
  };
}

function resultOf({ drift }: CourseCount): 'MATCH' | 'MISMATCH' {
  return drift === 0 ? 'MATCH' : 'MISMATCH';
}

/** Returns the result in words: what was checked, what was found, and what to do next. */
function verifySummary({ total, checked, mismatches, courses }: VerifyTotals, interrupted: boolean): string {
  const scope = interrupted
    ? `Stopped after ${grouped(checked)} of ${quantity(total, 'course')}`
    : `Verified ${quantity(checked, 'course')}`;
  if (mismatches === 0) return `${scope}: all counts match.`;
  return `${scope}: ${quantity(mismatches, 'count')} of ${quantity(courses, 'course')} ${mismatches === 1 ? 'does' : 'do'} not match. Repair with: rollcall recount`;
}
