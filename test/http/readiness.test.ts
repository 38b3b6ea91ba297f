import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeToRun, type Place } from '../support/command-line.js';
import { scrape } from '../support/metrics.js';
import { programOf, startServer, type Server } from '../support/server.js';

const secret = 'a secret of this test alone, which nobody else knows';

// Only with servers of this test's own, which it may kill.
describe.each((['mysql', 'mariadb'] as const).filter(kind => programOf(kind)))('a %s that goes away', kind => {
  let server: Server;
  let place: Place;

  beforeAll(async () => {
    server = await startServer(kind);
    place = placeToRun();
  });

  afterAll(async () => {
    await server.stop();
    place.leave();
  });

  it('is waited for at the start, shows in /readyz and in coded errors, and is used again when it is back, without a restart', async () => {
    await server.kill();
    const command = place.start(['serve'], { DATABASE_URL: `${server.url}/readiness`, NODE_ENV: 'production', JWT_SECRET: secret, METRICS: 'on' });
    await command.says(`Waiting up to 60 s for the database at ${server.url}/readiness, which does not answer yet (ECONNREFUSED).`);
    await server.start();
    const stdout = await command.says('listening');
    const base = /http:\/\/[^"\s]+/.exec(stdout)![0];
    const ready = async (): Promise<[number, unknown]> => {
      const response = await fetch(`${base}/readyz`);
      return [response.status, await response.json()];
    };
    const ask = async (): Promise<unknown> => {
      const response = await fetch(`${base}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ courses { totalCount } }"}' });
      return response.json();
    };
    expect(await ready()).toEqual([200, { status: 'ready' }]);
    expect(await ask()).toEqual({ data: { courses: { totalCount: 0 } } });

    await server.kill();
    expect(await ready()).toEqual([503, { status: 'not ready', reason: expect.stringContaining('The database does not answer (') }]);
    expect(await ask()).toMatchObject({ data: null, errors: [{ extensions: { code: 'READ_FAILED' } }] });
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    const metrics = await scrape(`${base}/metrics`);
    expect([metrics.get('rollcall_database_ready'), metrics.get('rollcall_graphql_errors_total{code="READ_FAILED"}'), metrics.has('rollcall_runs{state="running"}')]).toEqual([0, 1, false]);

    await server.start();
    expect(await ready()).toEqual([200, { status: 'ready' }]);
    expect(await ask()).toEqual({ data: { courses: { totalCount: 0 } } });
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });
});
