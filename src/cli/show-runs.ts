import type { Database } from '../database/database.js';
import { RunStatus } from '../entities/index.js';
import { changePage, runById, runPage, type RecordedChange, type Run } from '../recounts/index.js';
import type { Page, PageRequest } from '../reading/page.js';
import { titlesOf } from '../recounts/titles.js';
import { operator } from '../access/viewer.js';
import { ExitCode } from './exit-code.js';
import { CommandError } from './failure.js';
import { print } from './output.js';
import { runOutcome } from './run-report.js';
import { headingOf, lineOf, printable, type Column } from './table.js';

const CHANGES_PER_PAGE = 500;

const runColumns: readonly Column[] = [
  { title: 'id', width: 6, number: true },
  { title: 'kind', width: 7 },
  { title: 'status', width: 11 },
  { title: 'started at', width: 20 },
  { title: 'started by', width: 32 },
  { title: 'checked', width: 8, number: true },
  { title: 'of', width: 8, number: true },
  { title: 'drifted', width: 8, number: true },
  { title: 'repaired', width: 8, number: true },
];

const changeColumns: readonly Column[] = [
  { title: 'course', width: 8, number: true },
  { title: 'title', width: 36 },
  { title: 'counter', width: 24 },
  { title: 'before', width: 8, number: true },
  { title: 'after', width: 8, number: true },
];

/** Prints the newest runs, as a table or as JSON lines. */
export async function listRuns(database: Database, limit: number, json: boolean): Promise<ExitCode> {
  let found = 0;
  for await (const run of inPages(page => runPage(database, operator, page), limit)) {
    if (found === 0 && !json) print(`${headingOf(runColumns)}\n`);
    found += 1;
    print(`${json ? JSON.stringify(run) : lineOf(runColumns, cellsOf(run))}\n`);
  }
  if (found === 0 && !json) print('There are no runs yet. "rollcall recount" makes one.\n');
  return ExitCode.clean;
}

/**
 * Prints one run with all its changes, as text or as JSON lines: the run first, then each change. Errors: CommandError.
 */
export async function showRun(database: Database, id: number, json: boolean): Promise<ExitCode> {
  const run = await runById(database, operator, { id });
  if (!run) throw new CommandError(`Run ${id} does not exist. "rollcall runs list" lists those that do.`);
  print(json ? `${JSON.stringify({ run })}\n` : runLines(run));
  let found = 0;
  for await (const { change, title } of allChanges(database, id)) {
    if (found === 0 && !json) print(`\n${headingOf(changeColumns)}\n`);
    found += 1;
    const { courseId, counter, before, after } = change;
    print(
      `${json ? JSON.stringify({ ...change, title }) : lineOf(changeColumns, [String(courseId), title ?? '(deleted)', counter, String(before), String(after)])}\n`,
    );
  }
  return ExitCode.clean;
}

function cellsOf(run: Run): string[] {
  const { id, kind, startedAt, startedBy, checked, total, drifted, repaired } = run;
  return [id, kind, statusOf(run), shownMoment(startedAt), startedBy, checked, total, drifted, repaired].map(String);
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
    ['courses', courseIds === null ? 'all' : courseIds.join(', ')],
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

function statusOf({ status, interrupted }: Run): string {
  return interrupted ? 'interrupted' : status.toUpperCase();
}

/** Gives a moment in UTC, to the second. */
function shownMoment(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
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

async function* inPages<Row extends { id: number }>(
  read: (page: PageRequest) => Promise<Page<Row>>,
  limit: number,
): AsyncGenerator<Row> {
  for await (const rows of pages(read, limit)) yield* rows;
}

/** Reads page after page, so that memory does not grow with their number. */
async function* pages<Row extends { id: number }>(
  read: (page: PageRequest) => Promise<Page<Row>>,
  limit: number,
): AsyncGenerator<readonly Row[]> {
  let after: PageRequest['after'] = null;
  for (let left = limit; left > 0;) {
    const { rows, hasNextPage } = await read({
      size: Math.min(CHANGES_PER_PAGE, left),
      backward: false,
      after,
      before: null,
    });
    yield rows;
    const last = rows.at(-1);
    if (!hasNextPage || !last) return;
    after = { value: last.id, id: last.id };
    left -= rows.length;
  }
}
