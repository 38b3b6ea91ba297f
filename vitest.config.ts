import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

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

export default defineConfig({
  test: {
    globalSetup: ['test/support/start-databases.ts'],
    maxWorkers: 2,
    reporters: ['default', './test/support/closing-line.ts'],
    projects: [
      group({ name: 'behaviours', include: ['test/**/*.test.ts'], exclude: ['test/races/**'] }),
      // By themselves, for they look at the server's own count of deadlocks.
      group({ name: 'races', include: ['test/races/**/*.test.ts'], sequence: { groupOrder: 1 } }),
    ],
  },
});
