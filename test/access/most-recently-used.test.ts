import { expect, it } from 'vitest';
import { mostRecentlyUsed } from '../../src/access/most-recently-used.js';

it('a full cache drops the value that was used least recently, and keeps all others', () => {
  const cache = mostRecentlyUsed<number, string>(3);
  for (const key of [1, 2, 3]) cache.set(key, `value ${key}`);
  cache.get(1);
  cache.set(4, 'value 4');
  expect([1, 2, 3, 4].map(key => cache.get(key))).toEqual(['value 1', undefined, 'value 3', 'value 4']);
});
