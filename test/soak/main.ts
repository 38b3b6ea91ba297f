// npm run soak -- --help: puts a server under load, provokes faults, and compares the answers to callers with the
// database.
import { CommanderError } from 'commander';
import { UnusableDatabase } from './database.ts';
import type { Fault } from './fault.ts';
import { faults } from './faults.ts';
import { faultsOf, optionsOf, type Options } from './options.ts';
import { printReports } from './report.ts';
import { Soak, type Report } from './soak.ts';
import type { Times } from './soak-options.ts';

/** The exit codes of a soak: no problem, a problem, or wrong usage. */
const EXIT = { clean: 0, failure: 1, usage: 2 } as const;

const MINUTE = 60;
/** The part of a run before a fault, and the maximum part of the fault. */
const BEFORE = 1 / 6;
const MAX_FAULT = 1 / 2;
/** The courses for each change a second, so that every course is changed every few seconds, and the fewest. */
const COURSES = 1.5;
const MIN_COURSES = 12;
/** The students for each change a second, so that some are free though others wait. */
const STUDENTS = 60;
const MIN_STUDENTS = 200;

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    return await soak(optionsOf(process.argv.slice(2)));
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.clean : EXIT.usage;
    if (!(error instanceof UnusableDatabase)) throw error;
    console.error(error.message);
    return EXIT.usage;
  }
}

async function soak(options: Options): Promise<number> {
  const tell = (line: string): void => console.error(line);
  const possible = faultsOf(options, tell);
  const { database, reads, writes, listeners, requestTimeout, busy } = options;
  const size = {
    courses: Math.max(MIN_COURSES, Math.round(writes * COURSES)),
    students: Math.max(MIN_STUDENTS, Math.round(writes * STUDENTS)),
  };
  const running = await Soak.start(
    { database, readsPerSecond: reads, writesPerSecond: writes, ...size, listeners, requestTimeout, busy: busy / 100 },
    faults.find(({ name }) => name === 'none')!,
  );
  // Nothing that it has started stays behind, even after a signal.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void running.abandon().finally(() => process.exit(EXIT.failure)));
  const reports: Report[] = [];
  try {
    for (const one of possible) {
      tell(`${one.name}: ${one.does}`);
      reports.push(await running.run(one, timesOf(one, options.minutes * MINUTE)));
    }
  } catch (error) {
    await running.abandon();
    throw error;
  }
  const problems = [...reports.flatMap(report => report.problems), ...(await running.stop())];
  printReports(reports, problems, text => process.stdout.write(text));
  return problems.length === 0 ? EXIT.clean : EXIT.failure;
}

/** Divides a run into the time before a fault, the fault, and the rest. */
function timesOf({ seconds, recoversWithin, isVisible }: Fault, all: number): Times {
  const fault = Math.min(seconds, all * MAX_FAULT);
  const before = all * BEFORE;
  return {
    before,
    fault,
    after: Math.max(0, all - before - fault),
    checkEvery: MINUTE,
    recoversWithin: isVisible ? recoversWithin : null,
  };
}
