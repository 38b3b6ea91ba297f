import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { startApi, type Api } from '../support/api.js';
import { keptLog } from '../support/log-lines.js';
import { scrape } from '../support/metrics.js';

let api: Api | undefined;
afterEach(() => api?.stop());

const start = async (env: Record<string, string>, log = keptLog()): Promise<Api> =>
  (api = await startApi('sqlite', { env, logger: log.logger }));
const statusOf = async (path: string, of: string): Promise<number> => (await fetch(new URL(path, of))).status;

it('metrics are served beside the API outside production', async () => {
  const { url, metricsUrl } = await start({});
  expect(metricsUrl).toBe(new URL('/metrics', url).href);
  expect((await scrape(metricsUrl)).get('rollcall_database_ready')).toBe(1);
});

it('metrics are served nowhere when they are off, as in production', async () => {
  const { url, metricsUrl } = await start({
    NODE_ENV: 'production',
    JWT_SECRET: 'a secret of more than thirty-two bytes',
  });
  expect([metricsUrl, await statusOf('/metrics', url)]).toEqual([null, 404]);
});

it('metrics with an address of their own are served there and not beside the API, and end with the server', async () => {
  const log = keptLog();
  const { url, metricsUrl, send, stop } = await start({ METRICS: '0' }, log);
  api = undefined;
  expect([new URL(metricsUrl!).host === new URL(url).host, new URL(metricsUrl!).pathname]).toEqual([false, '/metrics']);
  expect(log.lines().map(({ msg }) => msg)).toContain(`Metrics at ${metricsUrl}`);
  await send(null, '{ courses { totalCount } }');
  expect(
    (await scrape(metricsUrl)).get('rollcall_graphql_requests_total{operation="courses",type="query",outcome="ok"}'),
  ).toBe(1);
  expect([await statusOf('/metrics', url), await statusOf('/graphql', metricsUrl!)]).toEqual([404, 404]);
  await stop();
  await expect(fetch(metricsUrl!)).rejects.toThrow();
});

it('an address for metrics that is in use is an error that names its variable, and nothing is left listening', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  await expect(startApi('sqlite', { env: { METRICS: `127.0.0.1:${port}` } })).rejects.toMatchObject({
    code: 'EADDRINUSE',
    port,
    variable: 'METRICS',
  });
  await new Promise(resolve => other.close(resolve));
});

it('a server that cannot listen leaves no listener for metrics behind', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const log = keptLog();
  await expect(
    startApi('sqlite', { env: { METRICS: '127.0.0.1:0', PORT: String(port) }, logger: log.logger }),
  ).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  const url = /http:\S+/.exec(log.lines()[0]!.msg)![0];
  await expect(fetch(url)).rejects.toThrow();
  await new Promise(resolve => other.close(resolve));
});
