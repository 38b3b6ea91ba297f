import { expect, it } from 'vitest';
import { describeOnEach } from '../support/databases.js';
import { openClassroom } from './api/stage.js';
import { telling, tellStories } from './telling.js';

const told = telling(200);
const subject = 'random requests of random callers';

describeOnEach(subject, kind => {
  it(
    'random mutations are answered as the model says, leave the tables as it says, and fill no course beyond its capacity',
    { timeout: told.timeout },
    async () => {
      const stage = await openClassroom(kind);
      try {
        expect(await tellStories(`${subject} on ${kind}`, stage, told)).toBeGreaterThanOrEqual(told.operations);
      } finally {
        await stage.drop();
      }
    },
  );
});
