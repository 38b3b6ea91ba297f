import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { cellsOf, features, type Cell, type Feature } from '../counters/compatibility/features.js';

/**
 * Fails a run of all tests if a cell of the compatibility table has no test that passed. The table promises each feature
 * on each database with each strategy.
 */
export default class CompatibilityTable implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = new Set(modules.map(({ relativeModuleId }) => relativeModuleId));
    const isWhole = features.every(({ proofs }) => proofs.every(({ file }) => files.has(`test/${file}`)));
    if (!isWhole || this.#vitest?.config.testNamePattern) return;
    const passed = modules
      .flatMap(module => [...module.children.allTests()])
      .filter(test => test.result().state === 'passed');
    const unproved = features.flatMap(feature =>
      cellsOf(feature)
        .filter(cell => !passed.some(test => proves(test, feature, cell)))
        .map(({ database, strategy }) => `${feature.name}, on ${database} with ${strategy}`),
    );
    if (unproved.length === 0) return;
    process.stdout.write(`\nFAILED the compatibility table: no test of these has passed.\n${unproved.join('\n')}\n`);
    process.exitCode = 1;
  }
}

/** Returns true for a test of a feature on a database with a strategy. */
function proves({ project, module, fullName }: TestCase, { proofs }: Feature, { database, strategy }: Cell): boolean {
  const ran = project.name.endsWith(' with triggers') ? 'triggers' : 'hooks';
  return proofs.some(
    proof =>
      module.relativeModuleId === `test/${proof.file}` &&
      fullName.includes(proof.name) &&
      (proof.on ? proof.on === database : fullName.includes(` on ${database}`)) &&
      (proof.strategy ?? ran) === strategy,
  );
}
