import { stripVTControlCharacters } from 'node:util';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** The maximum length of each printed part of the reason of a failure, in characters. */
const MAX_REASON_CHARACTERS = 1500;

/** Prints at the end of the run each failure with its reason again, and `N passed, N failed` on a line of its own. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly TestFailure[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const failures: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state, errors = [] } = test.result();
        if (state !== 'pending') counts[state] += 1;
        if (state === 'failed') failures.push(failure(nameOf(test), errors));
      }
      // A file that cannot be loaded, and a block whose setup fails, so that its tests are skipped.
      for (const part of [module, ...module.children.allSuites()]) {
        const errors = part.errors();
        if (part.state() !== 'failed' || errors.length === 0) continue;
        counts.failed += 1;
        const name = part.type === 'suite' ? `${module.relativeModuleId} > ${part.fullName}` : module.relativeModuleId;
        failures.push(failure(name, errors));
      }
    }
    counts.failed += unhandledErrors.length;
    failures.push(...unhandledErrors.map(error => failure('outside of a test', [error])));
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    process.stdout.write(
      `\n${failures.map(text => `${text}\n\n`).join('')}${counts.passed} passed, ${counts.failed} failed${skipped}\n`,
    );
  }
}

/** An error as Vitest receives it from a worker. */
interface TestFailure {
  readonly message: string;
  readonly stack?: string | undefined;
  /** The lines in which the value that was expected and the one that came differ, coloured. */
  readonly diff?: string | undefined;
}

function nameOf({ project, module, fullName }: TestCase): string {
  return `${project.name}: ${module.relativeModuleId} > ${fullName}`;
}

function failure(name: string, errors: readonly TestFailure[]): string {
  return [
    `FAILED ${name}`,
    ...errors.map(({ message, stack, diff = '' }) =>
      [stack?.includes(message) ? stack : `${message}\n${stack ?? ''}`, stripVTControlCharacters(diff)]
        .map(text => text.trim().slice(0, MAX_REASON_CHARACTERS))
        .join('\n'),
    ),
  ].join('\n');
}
