import type { Reporter, TestModule } from 'vitest/node';

declare module 'vitest' {
  interface TaskMeta {
    /** The results of a scenario's rounds. */
    race?: Readonly<Record<string, string | number>>;
  }
}

/** Prints the results of all races of a run as one table, in the order of their scenarios. */
export default class RaceTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const races = modules
      .flatMap(module => [...module.children.allTests()])
      .flatMap(test => [test.meta().race].filter(race => race !== undefined));
    const scenarios = [...new Set(races.map(({ scenario }) => scenario))];
    if (races.length > 0)
      console.table(races.toSorted((a, b) => scenarios.indexOf(a['scenario']) - scenarios.indexOf(b['scenario'])));
  }
}
