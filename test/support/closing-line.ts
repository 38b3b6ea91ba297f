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
      if (module.state() === 'failed' && module.errors().length > 0) {
        counts.failed += 1;
        failures.push(failure(module.relativeModuleId, module.errors()));
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
