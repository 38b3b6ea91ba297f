import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const module = new URL('../../../src/cli/shell/signals.ts', import.meta.url).href;

/**
 * A process that gets a SIGINT just before it begins code without an end, each time a little later, so that the code
 * begins at every moment of what the thread does with the signal. It stops waiting when the code goes on without an end.
 */
const program = `
  const { setImmediate: nextTurn } = require('node:timers/promises');
  const { runInThisContext } = require('node:vm');
  void (async () => {
  const { Signals } = await import('${module}');
  const signals = new Signals(() => undefined);
  for (let round = 0; round < 60; round += 1) {
    await signals.ready();
    process.kill(process.pid, 'SIGINT');
    const begin = performance.now() + round / 60;
    while (performance.now() < begin);
    try {
      runInThisContext('while (true);', { breakOnSigint: true });
    } catch (error) {
      if (error.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    }
    await nextTurn();
    await nextTurn();
  }
  await signals.close();
  console.log('all ended');
  })();
`;

it('a signal that comes just before code begins ends that code, whatever the thread does at that moment', async () => {
  const parameters = ['--disable-warning=ExperimentalWarning', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, parameters, {
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  expect(stdout).toBe('all ended\n');
});
