import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

/** Gives one group of tests; the databases are started once, for all of them. */
function group(test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration {
  return {
    resolve: {
      // One copy of graphql: its ESM and CommonJS builds are "another module or realm" to each other.
      alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }],
    },
    test: { testTimeout: 120_000, hookTimeout: 120_000, ...test },
  };
}

/** Lists the tests of what writes, which hold under both strategies. */
const underTriggers = [
  'test/counters/*.test.ts',
  'test/random/*.test.ts',
  'test/graphql/{enroll,enroll-many,enrollment-changes,course-mutations,user-mutations,deleted-meanwhile}.test.ts',
  'test/use-cases/{high-keys,lost-commit}.test.ts',
  'test/tools/{import/import-enrollments,sample-data}.test.ts',
  'test/tools/backup/restore-counts.test.ts',
];

/**
 * Lists those of them that look at how hooks count: their statements, what they refuse since they cannot see it, and
 * drift from raw SQL.
 */
const aboutHooks = [
  'bulk-change',
  'bulk-insert',
  'bypass',
  'collection',
  'declaration',
  'hooks',
  'isolation',
  'kysely',
  'left-over',
  'lock-order',
  'many-to-many',
  'self-reference',
  'several-targets',
  'stale',
  'statements',
  'target-untouched',
  'trouble',
  'zero-delta',
  'verify',
  'verify-conditions',
  'verify-keys',
  'recount',
  'adjust',
  'events',
].map(name => `test/counters/${name}.test.ts`);

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
    reporters: ['default', './test/support/race-table.ts', './test/support/closing-line.ts'],
    projects: [
      group({ name: 'behaviours', include: ['test/**/*.test.ts'], exclude: ['test/races/**'] }),
      group({
        name: 'behaviours with triggers',
        include: underTriggers,
        exclude: aboutHooks,
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
