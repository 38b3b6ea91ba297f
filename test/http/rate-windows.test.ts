import { describe, expect, it } from 'vitest';
import { MemoryWindows } from '../../src/http/limits/rates/memory-windows.js';
import { payerOf, RateLimits } from '../../src/http/limits/rates/rate-limits.js';

const allowance = { points: 1000, seconds: 3600 };

describe('the windows in memory', () => {
  it('windows in memory grant points as long as any are left, so that none are overdrawn by more than one charge, however many come at once', async () => {
    const windows = new MemoryWindows(allowance);
    const taken = await Promise.all(Array.from({ length: 50 }, () => windows.take('client', 600)));
    expect(taken.filter(({ isRefused }) => !isRefused).map(({ left }) => left)).toEqual([400, 0]);
    expect((await windows.take('client', 1)).isRefused).toBe(true);
    expect((await windows.take('other', 1)).left).toBe(999);
  });

  it('windows in memory grant one charge that is larger than a whole window', async () => {
    const windows = new MemoryWindows(allowance);
    expect(await windows.take('client', 5000)).toMatchObject({ isRefused: false, left: 0 });
    expect(await windows.take('client', 1)).toMatchObject({ isRefused: true, left: 0 });
  });

  it('windows in memory are used up exactly by all their points', async () => {
    const windows = new MemoryWindows(allowance);
    expect(await windows.take('client', 1000)).toMatchObject({ isRefused: false, left: 0 });
    expect(await windows.take('client', 1)).toMatchObject({ isRefused: true, left: 0 });
  });

  it('windows in memory are those of the most recent clients, so that a flood of addresses does not fill the memory', async () => {
    const windows = new MemoryWindows(allowance, 100);
    await windows.take('first', 10);
    for (let client = 0; client < 99; client += 1) await windows.take(String(client), 10);
    expect(await windows.take('first', 10)).toMatchObject({ left: 980 });
    for (let client = 0; client < 10_000; client += 1) await windows.take(`flood ${client}`, 1);
    expect(windows.size).toBe(100);
    expect(await windows.take('first', 10)).toMatchObject({ left: 990 });
    expect(await windows.take('flood 9999', 1)).toMatchObject({ left: 998 });
  });

  it('windows in memory accept returned points, no more than they have in all, and none for a forgotten client', async () => {
    const windows = new MemoryWindows(allowance, 2);
    await windows.take('client', 1500);
    expect(await windows.giveBack('client', 400)).toMatchObject({ isRefused: false, left: 0 });
    expect(await windows.take('client', 1)).toMatchObject({ isRefused: true });
    expect(await windows.giveBack('client', 501)).toMatchObject({ left: 400 });
    expect(await windows.take('client', 100)).toMatchObject({ isRefused: false, left: 300 });
    expect(await windows.giveBack('client', 5000)).toMatchObject({ left: 1000 });
    expect(await windows.take('client', 10)).toMatchObject({ left: 990 });
    await windows.take('second', 10);
    await windows.take('third', 10);
    expect([await windows.giveBack('client', 10), windows.size]).toEqual([null, 2]);
    expect(await windows.take('client', 10)).toMatchObject({ left: 990 });
  });
});

describe('returned points', () => {
  it('returned points go to the window to which they were charged, and to no later one', async () => {
    const limits = new RateLimits({ address: allowance, viewer: allowance }, null);
    const payer = payerOf(null, '192.0.2.1');
    const charged = await limits.settle(payer, 600);
    expect(await limits.giveBack(payer, 100, charged)).toMatchObject({ left: 500 });
    const over = { ...charged, resetsAt: performance.now() };
    expect(await limits.giveBack(payer, 100, over)).toBe(over);
    // Redis was away then, so that nothing was charged.
    const unchecked = { ...charged, left: null };
    expect(await limits.giveBack(payer, 100, unchecked)).toBe(unchecked);
    expect(await limits.settle(payer, 1)).toMatchObject({ left: 499 });
  });
});
