import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../dist/config/config.js';
import { issueToken } from '../../dist/access/tokens.js';
import { compareAnswers } from './answers.ts';
import { cases, type CaseName } from './cases.ts';
import { casesOf, REFERENCE, SECRET, type Contestant } from './contestants.ts';
import { startDatabase, type ServerKind } from './database-server.ts';
import { startLoad } from './load.ts';
import { thisMachine, type Machine } from './machine.ts';
import { measure, type Bench, type Measurement } from './measurement.ts';
import { openPostgreSql, startPostgreSql } from './postgresql.ts';
import { layOut, type Rows, type Size } from './rows.ts';
import { startContestant, type RunningContestant } from './running-contestant.ts';
import { openStore, type Store } from './store.ts';
import { versionsOf } from './versions.ts';
import { summarize, type Summary } from './summary.ts';

/** What a run compares, and how long. */
export interface Comparison {
  readonly database: ServerKind;
  readonly size: Size;
  readonly cases: readonly CaseName[];
  readonly contestants: readonly Contestant[];
  /** 0: the answers are compared, and nothing is measured. */
  readonly rounds: number;
  readonly seconds: number;
  /** How long each contestant warms up in each case. */
  readonly warmUpSeconds: number;
  /** Whether the contestants are profiled, which makes them slower. */
  readonly isProfiled: boolean;
  /** The folder in which the database stays for the next run. */
  readonly data: string;
}

/** The results of a run. */
export interface Report {
  readonly machine: Machine;
  /** The packages of the contestants and of the load generator. */
  readonly packages: Readonly<Record<string, string>>;
  readonly database: string;
  readonly size: Size;
  readonly rounds: number;
  readonly seconds: number;
  readonly summaries: readonly Summary[];
  readonly measurements: readonly Measurement[];
}

/** The folder in which Linux keeps files in memory: the logs of the contestants should not keep the disk from a commit. */
const MEMORY = '/dev/shm';

/** Starts everything, compares the answers, measures in rounds and stops everything. */
export async function compare(comparison: Comparison): Promise<Report> {
  await using ends = new AsyncDisposableStack();
  const stopAll = (): void => void ends.disposeAsync().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, stopAll);
    ends.defer(() => void process.off(signal, stopAll));
  }
  const rows = layOut(comparison.size);
  const server = await startDatabase(comparison.database, comparison.data);
  ends.defer(() => server.stop());
  const store = await openStore(server.url, rows);
  ends.defer(() => store.close());
  const own = { store, databasePid: server.pid };
  const other = comparison.contestants.some(isOnPostgreSql) ? await startOther(comparison, rows, ends) : own;
  const logs = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'rollcall-bench-'));
  const token = await adminToken();
  const { isProfiled } = comparison;
  const starts = comparison.contestants.map(one =>
    startContestant(one, { ...(isOnPostgreSql(one) ? other : own), token, logs, isProfiled }),
  );
  ends.defer(async () => {
    // One that has not started has ended already.
    await Promise.allSettled(starts.map(async start => (await start).stop()));
  });
  const running = await Promise.all(starts);
  const askedOf = (one: RunningContestant): readonly CaseName[] =>
    casesOf(one.contestant, comparison.database).filter(name => comparison.cases.includes(name));
  await compareAnswers(running, rows, askedOf);
  process.stderr.write(`The answers of ${running.map(one => one.contestant.name).join(', ')} are the same.\n`);
  const load = startLoad();
  ends.defer(() => load.stop());
  const measurements = await measureInRounds({ rows, load }, running, askedOf, comparison);
  const version = await store.version();
  rmSync(logs, { recursive: true });
  return {
    machine: thisMachine(),
    packages: versionsOf(comparison.contestants),
    database: `${comparison.database} ${version}`,
    size: comparison.size,
    rounds: comparison.rounds,
    seconds: comparison.seconds,
    summaries: summarize(measurements, REFERENCE),
    measurements,
  };
}

/** Starts PostgreSQL beside the database of the other contestants, with the same rows. */
async function startOther(
  { data }: Comparison,
  rows: Rows,
  ends: AsyncDisposableStack,
): Promise<{ store: Store; databasePid: number | null }> {
  const server = await startPostgreSql(join(data, 'postgresql'));
  ends.defer(() => server.stop());
  return { store: await openPostgreSql(server.url, rows), databasePid: server.pid };
}

function isOnPostgreSql({ databases }: Contestant): boolean {
  return databases.includes('postgresql');
}

/** In each round each contestant has its turn in each case; round 0 only warms up. */
async function measureInRounds(
  bench: Bench,
  running: readonly RunningContestant[],
  askedOf: (one: RunningContestant) => readonly CaseName[],
  { rounds, seconds, warmUpSeconds }: Comparison,
): Promise<Measurement[]> {
  if (rounds === 0) return [];
  const measurements: Measurement[] = [];
  for (let round = warmUpSeconds > 0 ? 0 : 1; round <= rounds; round += 1) {
    for (const one of cases) {
      // Another contestant begins each time, so that none is always measured after the same one.
      const turn = round % running.length;
      for (const other of [...running.slice(turn), ...running.slice(0, turn)]) {
        if (!askedOf(other).includes(one.name)) continue;
        const measured = await measure(bench, other, one, {
          round,
          seconds: round === 0 ? warmUpSeconds : seconds,
        });
        const { rate, p50, p99, serverTime, failed, failure } = measured;
        process.stderr.write(
          `${round === 0 ? 'warming up' : `round ${round}`} ${one.name} ${other.contestant.name.padEnd(14)} ${rate.toFixed(0).padStart(6)}/s, p50 ${p50?.toFixed(1) ?? '–'} ms, p99 ${p99?.toFixed(1) ?? '–'} ms, CPU ${serverTime?.toFixed(3) ?? '–'} ms${failed > 0 ? `, ${failed} failed: ${failure}` : ''}\n`,
        );
        if (round > 0) measurements.push(measured);
      }
    }
  }
  return inOrder(measurements, running);
}

/** Returns the measurements by case, and in each case in the order of the contestants. */
function inOrder(measurements: readonly Measurement[], running: readonly RunningContestant[]): Measurement[] {
  const place = ({ contestant }: Measurement): number => running.findIndex(one => one.contestant.name === contestant);
  return measurements.toSorted((a, b) => a.case.localeCompare(b.case) || place(a) - place(b) || a.round - b.round);
}

function adminToken(): Promise<string> {
  const config = readConfig({ JWT_SECRET: SECRET });
  return issueToken(config.jwt, { role: 'admin' as never, userId: null, expiresIn: '1d' });
}
