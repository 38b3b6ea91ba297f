import { operator } from '../../access/viewer.js';
import type { Database } from '../../database/database.js';
import { RunStatus, shownKey } from '../../entities/index.js';
import { changePage, runById, type RecordedChange, type Run } from '../../recounts/index.js';
import { titlesOf } from '../../recounts/titles.js';
import { CommandError } from '../failures/command-error.js';
import { ExitCode } from '../output/exit-code.js';
import { printable } from '../output/printable.js';
import { headingOf, lineOf, type Column } from '../output/table.js';
import { print } from '../output/terminal.js';
import { pages } from './pages.js';
import { runOutcome } from './run-report.js';
import { shownMoment, statusOf } from './shown-run.js';

const changeColumns: readonly Column[] = [
  { title: 'course', width: 8, number: true },
  { title: 'title', width: 36 },
  { title: 'counter', width: 24 },
  { title: 'before', width: 8, number: true },
  { title: 'after', width: 8, number: true },
];

/**
 * Prints one run with all its changes, as text or as JSON lines: the run first, then each change. Errors: CommandError.
 */
export async function showRun(database: Database, id: number, json: boolean): Promise<ExitCode> {
  const run = await runById(database, operator, { id });
  if (!run) throw new CommandError(`Run ${id} does not exist. "rollcall runs list" lists all runs.`);
  print(json ? `${JSON.stringify({ run })}\n` : runLines(run));
  let found = 0;
  for await (const { change, title } of allChanges(database, id)) {
    if (found === 0 && !json) print(`\n${headingOf(changeColumns)}\n`);
    found += 1;
    const { courseId, counter, before, after } = change;
    print(
      `${json ? JSON.stringify({ ...change, courseId: shownKey(courseId), title }) : lineOf(changeColumns, [String(shownKey(courseId)), title ?? '(deleted)', counter, String(before), String(after)])}\n`,
    );
  }
  return ExitCode.clean;
}

function runLines(run: Run): string {
  const {
    id,
    kind,
    undoneRunId,
    courseIds,
    startedBy,
    startedAt,
    finishedAt,
    dryRun,
    batchSize,
    throttle,
    checked,
    total,
    drifted,
    repaired,
    owner,
  } = run;
  const facts: [string, string | null][] = [
    ['run', `${id}, ${undoneRunId === null ? kind : `${kind} of run ${undoneRunId}`}${dryRun ? ', dry run' : ''}`],
    ['status', statusOf(run)],
    ['courses', courseIds === null ? 'all' : courseIds.map(shownKey).join(', ')],
    ['started', `${shownMoment(startedAt)} by ${printable(startedBy)}`],
    ['finished', finishedAt && shownMoment(finishedAt)],
    ['worked on by', owner],
    [
      'chunks',
      `${batchSize === null ? 'sized by time' : `of ${batchSize}`}${throttle > 0 ? `, ${throttle} ms of pause after each` : ''}`,
    ],
    ['checked', `${checked} of ${total}`],
    ['drifted', String(drifted)],
    ['repaired', String(repaired)],
  ];
  const lines = facts.filter(([, fact]) => fact !== null).map(([name, fact]) => `${name.padEnd(13)} ${fact}\n`);
  return `${lines.join('')}${run.status === RunStatus.SUCCEEDED ? '' : `${runOutcome(run)}\n`}`;
}

async function* allChanges(
  database: Database,
  id: number,
): AsyncGenerator<{ change: RecordedChange; title: string | null }> {
  for await (const changes of pages(page => changePage(database, operator, id, page), Infinity)) {
    const titles = await titlesOf(database.em.fork(), [...new Set(changes.map(({ courseId }) => courseId))]);
    for (const change of changes) yield { change, title: titles.get(change.courseId) ?? null };
  }
}
