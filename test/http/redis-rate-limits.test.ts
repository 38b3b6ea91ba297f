import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { pino } from 'pino';
import { MAX_REDIS_WAIT_MS, RedisRateLimits } from '../../src/http/limits/rates/redis.js';
import { startApi, type Api } from '../support/api.js';
import { waitUntil } from '../support/wait.js';
import { keptLog } from '../support/log-lines.js';
import { scrape } from '../support/metrics.js';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.js';

const POINTS = 1000;
const UNREACHABLE = 'Redis cannot be reached, so requests pass without a rate limit until it answers';
const REACHABLE = 'Redis answers again, so rates are limited again';

// Without it, the start of the tests says so.
describe.runIf(redisProgram() !== undefined)('the limits of rates in Redis', () => {
  let redis: TestRedis;
  const info = keptLog();

  beforeAll(async () => {
    redis = await startRedis();
  });
  beforeEach(() => {
    info.clear();
  });
  afterEach(async () => {
    redis.goOn();
    await redis.kill();
    await redis.start();
  });
  afterAll(() => redis.stop());

  /** Starts a server, which waits for Redis longer than by default: it shares a busy machine with other tests. */
  async function start(url = redis.url, redisWaitMs = 20_000): Promise<Api> {
    const api = await startApi('sqlite', {
      logger: info.logger,
      redisWaitMs,
      env: { RATE_LIMIT: `${POINTS}/3600`, RATE_LIMIT_REDIS_URL: url },
    });
    onTestFinished(() => api.stop());
    return api;
  }

  /** Sends the smallest query, and returns the status and the points that are left; null: unknown. */
  async function ask({ url }: Api): Promise<{ status: number; left: number | null }> {
    const { status, headers } = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    });
    const left = /;r=(\d+);/.exec(headers.get('ratelimit') ?? '')?.[1];
    return { status, left: left === undefined ? null : Number(left) };
  }

  const lines = (msg: string): number => info.lines().filter(line => line.msg === msg).length;

  it('rate limits in Redis are the same for all servers', async () => {
    const [one, other] = [await start(), await start()];
    const first = await ask(one);
    const second = await ask(other);
    expect([first.status, POINTS - second.left!]).toEqual([200, 2 * (POINTS - first.left!)]);
    while ((await ask(one)).status === 200);
    expect(await ask(other)).toEqual({ status: 429, left: 0 });
    expect((await scrape(one.metricsUrl)).get('rollcall_rate_limit_redis_up')).toBe(1);
  });

  it('rate limits in Redis grant points as long as any are left, so that none are overdrawn by more than one charge, however many come at once', async () => {
    const limits = new RedisRateLimits(redis.url, pino({ level: 'silent' }), { maxWaitMs: 20_000 });
    onTestFinished(() => limits.close());
    await limits.connect();
    const windows = limits.windows('test', { points: POINTS, seconds: 3600 });
    const taken = await Promise.all(Array.from({ length: 50 }, () => windows.take('client', 600)));
    expect(taken.filter(one => one?.isRefused === false).map(one => one?.left)).toEqual([400, 0]);
    expect(await windows.take('client', 1)).toMatchObject({ isRefused: true, left: 0 });
    expect(await windows.take('large', 5000)).toMatchObject({ isRefused: false, left: 0 });
  });

  it('rate limits in Redis accept returned points on every server, also of a client that had used up all', async () => {
    const [one, other] = await Promise.all(
      ['one', 'other'].map(async () => {
        const limits = new RedisRateLimits(redis.url, pino({ level: 'silent' }), { maxWaitMs: 20_000 });
        onTestFinished(() => limits.close());
        await limits.connect();
        return limits.windows('given', { points: POINTS, seconds: 3600 });
      }),
    );
    expect(await one!.take('client', 1500)).toMatchObject({ left: 0 });
    expect([await one!.take('client', 1), await other!.take('client', 1)]).toMatchObject([
      { isRefused: true },
      { isRefused: true },
    ]);
    expect(await other!.giveBack('client', 1002)).toMatchObject({ isRefused: false, left: 500 });
    expect(await one!.take('client', 100)).toMatchObject({ isRefused: false, left: 400 });
    expect(await other!.take('client', 100)).toMatchObject({ isRefused: false, left: 300 });
    expect(await one!.giveBack('client', 5000)).toMatchObject({ left: POINTS });
    expect(await other!.take('client', 10)).toMatchObject({ left: POINTS - 10 });
  });

  it('rate limits in Redis pass every request while Redis is away, which the log says once, and limit again when it is back', async () => {
    const api = await start();
    await ask(api);
    for (let outage = 1; outage <= 2; outage += 1) {
      await redis.kill();
      const before = (await scrape(api.metricsUrl)).get('rollcall_rate_limit_unchecked_total')!;
      const answers = [];
      for (let request = 0; request < 20; request += 1) answers.push(await ask(api));
      expect(answers).toEqual(Array.from({ length: 20 }, () => ({ status: 200, left: null })));
      const metrics = await scrape(api.metricsUrl);
      expect(metrics.get('rollcall_rate_limit_unchecked_total')).toBeGreaterThanOrEqual(before + 20);
      expect(metrics.get('rollcall_rate_limit_redis_up')).toBe(0);
      expect([lines(UNREACHABLE), lines(REACHABLE)]).toEqual([outage, outage - 1]);
      await redis.start();
      while ((await ask(api)).left === null);
      await waitUntil(() => lines(REACHABLE) === outage, 'The log does not say that Redis is back.');
    }
    while ((await ask(api)).status === 200);
  });

  it('rate limits in Redis log once that Redis is away, though it is asked again and again', async () => {
    const limits = new RedisRateLimits(redis.url, info.logger, { pauseMs: 0 });
    onTestFinished(() => limits.close());
    await redis.kill();
    await limits.connect();
    const windows = limits.windows('away', { points: POINTS, seconds: 3600 });
    for (let request = 0; request < 5; request += 1) expect(await windows.take('client', 1)).toBeNull();
    expect([lines(UNREACHABLE), lines(REACHABLE), limits.unchecked]).toEqual([1, 0, 5]);
  });

  it('rate limits in Redis delay no request while Redis does not answer on an open connection', async () => {
    // With the default wait of a request for Redis.
    const api = await start(redis.url, MAX_REDIS_WAIT_MS);
    while ((await ask(api)).left === null);
    info.clear();
    redis.hang();
    const answers = [];
    for (let request = 0; request < 20; request += 1) answers.push(await ask(api));
    expect(answers).toEqual(Array.from({ length: 20 }, () => ({ status: 200, left: null })));
    expect(lines(UNREACHABLE)).toBe(1);
    redis.goOn();
    while ((await ask(api)).left === null);
    expect(lines(REACHABLE)).toBe(1);
  });

  it('rate limits in Redis do not treat an answer as late that came while the server was busy', async () => {
    const limits = new RedisRateLimits(redis.url, pino({ level: 'silent' }), { maxWaitMs: 500 });
    onTestFinished(() => limits.close());
    await limits.connect();
    const windows = limits.windows('busy', { points: POINTS, seconds: 3600 });
    await windows.take('client', 1);
    const taken = windows.take('client', 1);
    // It is sent by the end of this turn; the answer waits in the socket until long after the timer was due.
    await new Promise(setImmediate);
    const end = performance.now() + 1500;
    while (performance.now() < end);
    expect(await taken).toMatchObject({ left: POINTS - 2 });
    expect(limits.unchecked).toBe(0);
  });

  it('rate limits in Redis do not keep a server from starting without Redis', async () => {
    await redis.kill();
    const api = await start();
    expect(await ask(api)).toEqual({ status: 200, left: null });
    expect(lines(UNREACHABLE)).toBe(1);
    await redis.start();
    while ((await ask(api)).left === null);
  });

  it('rate limits in Redis never reveal the password of a Redis that rejects it', async () => {
    const api = await start(redis.wrongUrl);
    expect(await ask(api)).toEqual({ status: 200, left: null });
    const line = await info.until(({ msg }) => msg === UNREACHABLE);
    expect(line['reason']).toMatch(/WRONGPASS|NOAUTH/);
    expect(info.text()).not.toContain('the-word-of-this-test');
  });
});
