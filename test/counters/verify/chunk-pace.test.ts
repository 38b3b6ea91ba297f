import { expect, it } from 'vitest';
import { ChunkPace } from 'mikro-orm-counters';

const bounds = { first: 100, least: 10, most: 1000, milliseconds: 200 };

it('chunks grow while they are fast, at most fourfold at once, up to the maximum', () => {
  const pace = new ChunkPace(bounds);
  expect(pace.size).toBe(100);
  pace.took(100, 100);
  expect(pace.size).toBe(200);
  pace.took(1, 200);
  expect(pace.size).toBe(800);
  pace.took(0, 800);
  expect(pace.size).toBe(1000);
});

it('chunks shrink when they are slow, at most to a quarter at once, down to the minimum', () => {
  const pace = new ChunkPace(bounds);
  pace.took(400, 100);
  expect(pace.size).toBe(50);
  pace.took(60_000, 50);
  expect(pace.size).toBe(13);
  pace.took(60_000, 13);
  expect(pace.size).toBe(10);
});

it('a chunk that was cut short does not enlarge the next chunks', () => {
  const pace = new ChunkPace(bounds);
  pace.took(1, 3);
  expect(pace.size).toBe(100);
  pace.took(400, 50);
  expect(pace.size).toBe(25);
});

it('slowing down halves the size of chunks', () => {
  const pace = new ChunkPace(bounds);
  pace.slowDown();
  expect(pace.size).toBe(50);
  for (let times = 0; times < 9; times += 1) pace.slowDown();
  expect(pace.size).toBe(10);
});
