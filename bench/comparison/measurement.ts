import type { Case, CaseName } from './cases.ts';
import type { Load } from './load.ts';
import { partTimes } from './profile-parts.ts';
import { memoryOf, processorTime } from './processor-time.ts';
import { bodiesOf } from './requests.ts';
import type { Rows } from './rows.ts';
import type { RunningContestant } from './running-contestant.ts';
import { countNewEnrollments, driftOf, removeNewEnrollments } from './store.ts';

/** What one contestant did in one case of one round. */
export interface Measurement {
  readonly contestant: string;
  readonly case: CaseName;
  readonly round: number;
  /** Answers without an error, a second. */
  readonly rate: number;
  readonly answered: number;
  readonly failed: number;
  readonly failure: string | null;
  /** Latencies in milliseconds; null: nothing was answered in time. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Processor time for each answer, in milliseconds; null: there is no process of its own, or it is not known. */
  readonly serverTime: number | null;
  readonly databaseTime: number | null;
  readonly memoryMB: number;
  /** If it was profiled: the processor time of the main thread's parts for each answer, in milliseconds. */
  readonly parts?: Readonly<Record<string, number>>;
  /** For writes: the rows that were added, and the drift of the stored totals that they left. */
  readonly added?: number;
  readonly drift?: number;
}

/** What all measurements of a run share. */
export interface Bench {
  readonly rows: Rows;
  readonly load: Load;
}

/** Puts a load on a contestant, and undoes what it has written. */
export async function measure(
  { rows, load }: Bench,
  running: RunningContestant,
  one: Case,
  { round, seconds }: { round: number; seconds: number },
): Promise<Measurement> {
  const { contestant, url, headers, pid, store, databasePid } = running;
  const profiler = round > 0 ? running.profiler : null;
  const bodies = bodiesOf(one, rows, 1000 + round, contestant);
  await store.settle();
  await profiler?.begin();
  const before = { server: processorTime(pid), database: databasePid === null ? null : processorTime(databasePid) };
  const result = await load.run({ url, headers, clients: one.clients, seconds, bodies, once: one.writes });
  const perAnswer = (milliseconds: number): number | null =>
    Number.isFinite(milliseconds / result.answered) ? milliseconds / result.answered : null;
  const used = { server: processorTime(pid), database: databasePid === null ? null : processorTime(databasePid) };
  const times = profiler ? partTimes(await profiler.end()) : null;
  const measured = {
    contestant: contestant.name,
    case: one.name,
    round,
    rate: (result.succeeded / result.milliseconds) * 1000,
    answered: result.answered,
    failed: result.failed,
    failure: result.failure,
    p50: result.p50,
    p99: result.p99,
    serverTime: perAnswer(used.server - before.server),
    databaseTime: used.database === null ? null : perAnswer(used.database - before.database!),
    memoryMB: memoryOf(pid),
    ...(times && {
      parts: Object.fromEntries([...times].map(([part, milliseconds]) => [part, milliseconds / result.answered])),
    }),
  };
  if (!one.writes) return measured;
  // Requests that were under way when the clients left may still add their rows.
  await store.settle();
  const added = await countNewEnrollments(store, rows);
  const drift = await driftOf(store, one.name === 'D' ? rows.manyCourses : [rows.hotCourse]);
  await removeNewEnrollments(store, rows);
  if (added < result.answered - result.failed)
    throw new Error(
      `${contestant.name} answered ${result.answered - result.failed} enrollments, but there are only ${added}.`,
    );
  return { ...measured, added, drift };
}
