import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

/**
 * The options of V8 in the workers, which save a twelfth of their processor time: few collections of garbage, code that
 * is kept, and no optimizing compiler for what runs seldom, as most of a test does. Only where many random operations are
 * requested, code runs often enough for it.
 */
const optionsOfV8 = [
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--no-flush-bytecode',
  ...(process.env['RANDOM_OPERATIONS'] === undefined ? ['--no-turbofan'] : []),
];

/** Returns one group of tests; the databases are started once, for all of them. */
function group(test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration {
  return {
    test: {
      testTimeout: 120_000,
      hookTimeout: 120_000,
      // Node loads the modules itself, without Vite.
      execArgv: ['--import=./test/support/source-modules.ts', ...optionsOfV8],
      experimental: { viteModuleRunner: false, nodeLoader: false },
      ...test,
    },
  };
}

/**
 * The tests that hold under both strategies: they also run with triggers. The others run with hooks alone: what they
 * test takes no part in counting, or it is how hooks count, or they name the strategy themselves.
 */
const bothStrategies = 'test/**/*.both.test.ts';
const races = 'test/races/**';

export default defineConfig({
  test: {
    globalSetup: ['test/support/start-databases.ts'],
    // Three more than the two processors of a small machine, for many tests wait for a database or for processes of
    // their own.
    maxWorkers: 5,
    sequence: { sequencer: LongestFirst },
    // Each worker loads the program once for all of its files, which is half of the work otherwise: no file may leave
    // anything behind.
    isolate: false,
    reporters: [
      'default',
      './test/support/race-table.ts',
      './test/support/compatibility-table.ts',
      './test/support/closing-line.ts',
    ],
    projects: [
      group({ name: 'behaviours', include: ['test/**/*.test.ts'], exclude: [races] }),
      group({
        name: 'behaviours with triggers',
        include: [bothStrategies],
        exclude: [races],
        env: { COUNTERS: 'triggers' },
      }),
      // One file at a time, for they look at the server's own count of deadlocks, and four processes write in each: two
      // of them on two processors make a lock's holder so slow that others wait for it longer than they may.
      group({
        name: 'races with hooks',
        include: ['test/races/**/*.test.ts'],
        maxWorkers: 1,
        sequence: { groupOrder: 1 },
      }),
      group({
        name: 'races with triggers',
        include: ['test/races/**/*.test.ts'],
        maxWorkers: 1,
        sequence: { groupOrder: 2 },
        env: { COUNTERS: 'triggers' },
      }),
    ],
  },
});
