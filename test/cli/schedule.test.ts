import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { placeToRun, type Running } from '../support/command-line.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addFullCourses, breakTotals } from '../support/drift.js';
import type { LogLine } from '../support/log-lines.js';
import { expectExactCounts } from '../support/rows.js';

const SERVERS = 3;
const COURSES = 5;
/** The moments after the first one, which only some of the servers may have seen. */
const RUNS = 2;

describeOnEach('several servers with one schedule on one database', kind => {
  // What a run does is no part of how servers agree on a moment, so it is tried on PostgreSQL with one of both.
  it.each(kind === 'postgresql' ? ['recount'] : ['verify', 'recount'])(
    'servers with one schedule %s at each moment in exactly one of them, and stop when they are asked to',
    async action => {
      const { database, url, drop } = await freshDatabase(kind);
      onTestFinished(drop);
      await breakTotals(database, (await addFullCourses(database, COURSES)).slice(0, 2));
      const place = placeToRun();
      onTestFinished(() => place.leave());
      const env = {
        DATABASE_URL: url,
        NODE_ENV: 'production',
        JWT_SECRET: 'a secret of this test alone, which nobody else knows',
        VERIFY_SCHEDULE: '* * * * * *',
        VERIFY_ACTION: action,
      };
      const servers = Array.from({ length: SERVERS }, () => place.start(['serve'], env));
      onTestFinished(async () => {
        for (const server of servers) server.process.kill('SIGKILL');
        await Promise.all(servers.map(({ ended }) => ended));
      });

      await Promise.all(servers.map(server => server.says('"a scheduled run')));
      const before = (await scheduledRuns(database)).length;
      while ((await scheduledRuns(database)).filter(({ status }) => status === 'succeeded').length < before + RUNS)
        await delay(50);
      const lines = (await Promise.all(servers.map(stopped))).flat();

      const runs = await scheduledRuns(database);
      const done = lines.filter(({ msg }) => msg.startsWith('a scheduled run found'));
      expect(done.map(({ run }) => run).toSorted(numerically)).toEqual(
        runs.filter(({ status }) => status === 'succeeded').map(({ id }) => id),
      );
      // Each second is a moment.
      const moments = done.map(({ moment }) => String(moment).slice(0, '2026-11-22T03:17:00'.length));
      expect(moments).toEqual([...new Set(moments)]);
      // Several servers wanted the same moments, and those that did not run say so.
      expect(lines.filter(({ reason }) => String(reason).endsWith('has been started already.'))).not.toEqual([]);
      expect(new Set(runs.map(one => Number(one.dry_run)))).toEqual(new Set([action === 'verify' ? 1 : 0]));
      const repaired = done.reduce((sum, line) => sum + (line['repaired'] as number), 0);
      expect(repaired).toBe(action === 'verify' ? 0 : 2);
      if (action === 'verify') expect(done.map(({ drifted }) => drifted)).toEqual(done.map(() => 2));
      else await expectExactCounts(database);
    },
  );
});

interface ScheduledRun {
  readonly id: number;
  readonly status: string;
  readonly dry_run: number;
}

function scheduledRuns(database: Database): Promise<ScheduledRun[]> {
  return database.em
    .getConnection()
    .execute<ScheduledRun[]>('select id, status, dry_run from core_recount_runs where slot is not null order by id');
}

/** Stops a server and gives all that it logged. */
async function stopped(server: Running): Promise<LogLine[]> {
  server.process.kill('SIGTERM');
  const { code, stdout } = await server.ended;
  expect(code).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as LogLine);
}

const numerically = (a: unknown, b: unknown): number => Number(a) - Number(b);
