import { afterEach, beforeEach, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { cancelRun, pauseRun, startRecount } from '../../src/recounts/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { scrape, type Samples } from '../support/metrics.js';

describeOnEach('the metrics of the present state', kind => {
  let api: Api;

  beforeEach(async () => {
    api = await startApi(kind);
  });
  afterEach(() => api.stop());

  const now = (): Promise<Samples> => scrape(api.metricsUrl);

  it('the metrics show how many runs are recorded in each state', async () => {
    const states = async () =>
      Object.fromEntries(
        [...(await now())]
          .filter(([series]) => series.startsWith('rollcall_runs'))
          .map(([series, count]) => [/"(\w+)"/.exec(series)![1], count]),
      );
    expect(await states()).toEqual({ running: 0, paused: 0, succeeded: 0, failed: 0, cancelled: 0, interrupted: 0 });
    const runs: { id: number }[] = [];
    for (const after of [pauseRun, cancelRun, null, null]) {
      const { value } = await startRecount(api.database, { userId: null, role: Role.ADMIN }, { dryRun: true });
      runs.push(value!);
      if (after) await after(api.database, { userId: null, role: Role.ADMIN }, value!);
    }
    await api.database.em
      .getConnection()
      .execute(
        `update core_recount_runs set lease_expires_at = ${kind === 'sqlite' ? '0' : "'2001-01-01'"} where id = ?`,
        [runs[3]!.id],
        'run',
      );
    expect(await states()).toEqual({ running: 1, paused: 1, succeeded: 0, failed: 0, cancelled: 1, interrupted: 1 });
  });

  it('the metrics show how the connections are used', async () => {
    const most = kind === 'sqlite' ? 6 : 20;
    const samples = await now();
    const named = (name: string) => samples.get(`rollcall_database_${name}`);
    expect([
      named('ready'),
      named('connections_max'),
      named('connections_waiting'),
      named('connections{state="active"}'),
    ]).toEqual([1, most, 0, 0]);
    const em = api.database.em.fork();
    await em.begin();
    expect((await now()).get('rollcall_database_connections{state="active"}')).toBe(1);
    await em.rollback();
  });

  it('the metrics show the process too', async () => {
    const samples = await now();
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect([...samples.keys()]).toEqual(
      expect.arrayContaining(['nodejs_eventloop_lag_seconds', 'process_cpu_seconds_total']),
    );
  });
});
