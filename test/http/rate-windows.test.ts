import { describe, expect, it } from 'vitest';
import { MemoryWindows } from '../../src/http/rate-limits/memory-windows.js';

const allowance = { points: 1000, seconds: 3600 };

describe('the windows in memory', () => {
  it('grant points as long as any are left, so that none are overdrawn by more than one charge, however many come at once', async () => {
    const windows = new MemoryWindows(allowance);
    const taken = await Promise.all(Array.from({ length: 50 }, () => windows.take('client', 600)));
    expect(taken.filter(({ isRefused }) => !isRefused).map(({ left }) => left)).toEqual([400, 0]);
    expect((await windows.take('client', 1)).isRefused).toBe(true);
    expect((await windows.take('other', 1)).left).toBe(999);
  });

  it('grant one charge that is larger than a whole window', async () => {
    const windows = new MemoryWindows(allowance);
    expect(await windows.take('client', 5000)).toMatchObject({ isRefused: false, left: 0 });
    expect(await windows.take('client', 1)).toMatchObject({ isRefused: true, left: 0 });
  });

  it('are used up exactly by all their points', async () => {
    const windows = new MemoryWindows(allowance);
    expect(await windows.take('client', 1000)).toMatchObject({ isRefused: false, left: 0 });
    expect(await windows.take('client', 1)).toMatchObject({ isRefused: true, left: 0 });
  });

  it('are those of the most recent clients, so that a flood of addresses does not fill the memory', async () => {
    const windows = new MemoryWindows(allowance, 100);
    await windows.take('first', 10);
    for (let client = 0; client < 99; client += 1) await windows.take(String(client), 10);
    expect(await windows.take('first', 10)).toMatchObject({ left: 980 });
    for (let client = 0; client < 10_000; client += 1) await windows.take(`flood ${client}`, 1);
    expect(windows.size).toBe(100);
    expect(await windows.take('first', 10)).toMatchObject({ left: 990 });
    expect(await windows.take('flood 9999', 1)).toMatchObject({ left: 998 });
  });
});
