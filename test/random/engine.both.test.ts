import { expect, it } from 'vitest';
import { describeOnEach } from '../support/databases.js';
import { openModelRunner } from './engine/model-runner.js';
import { checkModel, readRunOptions } from './model-check.js';

const options = readRunOptions(400);
const subject = 'random operations of several entity managers';

describeOnEach(subject, kind => {
  it(
    'random commands leave every stored count equal to the rows and to the model after each of them',
    { timeout: options.timeout },
    async () => {
      const runner = await openModelRunner(kind);
      try {
        expect(await checkModel(`${subject} on ${kind}`, runner, options)).toBeGreaterThanOrEqual(options.operations);
      } finally {
        await runner.drop();
      }
    },
  );
});
