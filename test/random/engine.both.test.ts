import { expect, it } from 'vitest';
import { describeOnEach } from '../support/databases.js';
import { openStage } from './engine/stage.js';
import { telling, tellStories } from './telling.js';

const told = telling(400);
const subject = 'random operations of several entity managers';

describeOnEach(subject, kind => {
  it(
    'random commands leave every stored count equal to the rows and to the model after each of them',
    { timeout: told.timeout },
    async () => {
      const stage = await openStage(kind);
      try {
        expect(await tellStories(`${subject} on ${kind}`, stage, told)).toBeGreaterThanOrEqual(told.operations);
      } finally {
        await stage.drop();
      }
    },
  );
});
