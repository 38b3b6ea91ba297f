import { expect, it } from 'vitest';
import { MessageThrottle } from '../../../src/http/live/message-throttle.js';

it('subscriptions make at most 100 messages before the event loop goes on to other work', async () => {
  const throttle = new MessageThrottle();
  let made = 0;
  const all = Array.from({ length: 250 }, () => throttle.next().then(() => void (made += 1)));
  const seen: number[] = [];
  while (made < 250) {
    await new Promise(resolve => setImmediate(resolve));
    seen.push(made);
  }
  await Promise.all(all);
  expect(seen).toEqual([100, 200, 250]);
});
