// Runs in a process of its own, to be killed. On a message, it starts a recount of all courses, or resumes a run,
// and reports each change.
import { once } from 'node:events';
import { openDatabase } from '../../dist/database/database.js';
import { resumeRun, startRecount, workOn, type CourseChange } from '../../dist/recounts/index.js';
import { operator } from '../../dist/access/viewer.js';

/** A message from the worker: the run that it works on, a change, or the end of the run. */
export type Word =
  { kind: 'run'; id: number } | { kind: 'change'; change: CourseChange } | { kind: 'end'; status: string };

/** A short lease, so that a killed process is detected soon, in seconds. */
const LEASE = 1;

/** The pause after each repair, so that a few repairs of many courses are not done before the process is killed. */
const THROTTLE_MS = 5;

const database = await openDatabase(process.argv[2]!);
const [{ id }] = (await once(process, 'message')) as [{ id?: number }];
const { value, problems } =
  id === undefined
    ? await startRecount(database, operator, { throttle: THROTTLE_MS }, LEASE)
    : await resumeRun(database, operator, { id }, LEASE);
if (value === null) throw new Error(JSON.stringify(problems));
const say = (word: Word): void => void process.send!(word);
say({ kind: 'run', id: value.id });
const run = await workOn(database, value, {
  lease: LEASE,
  onChange: ({ counter, courseId, before, after }) =>
    say({ kind: 'change', change: { counter, courseId, before, after } }),
});
say({ kind: 'end', status: run.status });
await database.close(true);
process.disconnect();
