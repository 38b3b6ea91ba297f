import { operator } from '../../access/viewer.js';
import type { Database } from '../../database/database.js';
import { runPage, type Run } from '../../recounts/index.js';
import { ExitCode } from '../output/exit-code.js';
import { headingOf, lineOf, type Column } from '../output/table.js';
import { print } from '../output/terminal.js';
import { rowsOf } from './pages.js';
import { shownMoment, statusOf } from './shown-run.js';

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

/** Prints the newest runs, as a table or as JSON lines. */
export async function listRuns(database: Database, limit: number, json: boolean): Promise<ExitCode> {
  let found = 0;
  for await (const run of rowsOf(page => runPage(database, operator, page), limit)) {
    if (found === 0 && !json) print(`${headingOf(runColumns)}\n`);
    found += 1;
    print(`${json ? JSON.stringify(run) : lineOf(runColumns, cellsOf(run))}\n`);
  }
  if (found === 0 && !json) print('There are no runs yet. "rollcall recount" starts one.\n');
  return ExitCode.clean;
}

function cellsOf(run: Run): string[] {
  const { id, kind, startedAt, startedBy, checked, total, drifted, repaired } = run;
  return [id, kind, statusOf(run), shownMoment(startedAt), startedBy, checked, total, drifted, repaired].map(String);
}
