import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { placeToRun } from '../support/command-line.js';
import { describeAmong } from '../support/describe-among.js';
import { djangoCourses, djangoTables, djangoUsers, filledByDjango } from '../support/django-tables.js';
import { programOf, startServer } from '../support/server.js';

describeAmong(
  ['mysql'] as const,
  kind => programOf(kind) !== undefined,
  kind => `a small redo log of ${kind}`,
  kind => {
    it('migrate up names a small redo log before it builds indexes of a table that is large for it', async () => {
      const server = await startServer(kind, ['--innodb-redo-log-capacity=8388608']);
      const place = placeToRun();
      const connection = await createConnection(server.url);
      const env = { DATABASE_URL: `${server.url}/own` };
      try {
        await connection.query('create database own character set utf8mb4');
        expect((await place.run(['migrate', 'up'], env)).code).toBe(0);
        const digit = '(select 0 as n union all select 1 union all select 2 union all select 3)';
        const digits = Array.from({ length: 8 }, (_, index) => `${digit} d${index}`);
        await connection.query(
          `insert into own.core_course (title, status, is_published, created_at, updated_at) select repeat('x', 200), 'active', 1, now(3), now(3) from ${digits.join(' cross join ')}`,
        );
        await connection.query('analyze table own.core_course');
        // The indexes of lists of courses are the last that were added.
        expect((await place.run(['migrate', 'down', '--yes'], env)).code).toBe(0);
        const up = await place.run(['migrate', 'up'], env);
        expect(up.code).toBe(0);
        expect(up.stderr).toMatch(
          /remark: innodb_redo_log_capacity is 8 MB, little for core_course with \d+ MB of data: .*\ncore_course: indexes are built online/,
        );
      } finally {
        await connection.end();
        place.leave();
        await server.stop();
      }
    });

    it('a small redo log is named by adopt where a table is large, and how to make it larger, before anything is added', async () => {
      const server = await startServer(kind, ['--innodb-redo-log-capacity=8388608']);
      const place = placeToRun();
      const connection = await createConnection(server.url);
      const env = { DATABASE_URL: `${server.url}/django` };
      try {
        for (const sql of [
          'create database django character set utf8mb4',
          'use django',
          ...djangoTables(kind),
          djangoUsers([{ id: 1 }]),
          djangoCourses(Array.from({ length: 9 }, (_, index) => ({ id: index + 1 }))),
          'update core_course set description = repeat("x", 1048576)',
          'analyze table core_course',
        ])
          await connection.query(sql);
        const remark =
          /innodb_redo_log_capacity is 8 MB, little for core_course with \d+ MB of data: .*: set global innodb_redo_log_capacity = (\d+)\. /;
        const map = JSON.parse((await place.run(['adopt', '--json'], env)).stdout) as { map: Record<string, object> };
        for (const part of ['courses', 'enrollments'] as const)
          Object.assign(map.map[part]!, { fill: filledByDjango[part] });
        writeFileSync(join(place.folder, 'rollcall.map.json'), JSON.stringify(map.map));
        const plan = await place.run(['adopt'], env);
        expect(plan.code).toBe(0);
        const [, bytes] = remark.exec(plan.stdout)!;
        const done = await place.run(['adopt', '--yes'], env);
        expect({ ...done, stdout: '' }).toEqual({
          code: 0,
          stdout: '',
          stderr: expect.stringMatching(remark) as string,
        });
        expect(done.stderr.indexOf('remark')).toBeLessThan(done.stderr.indexOf('adding'));
        expect((await place.run(['adopt', '--undo', '--yes'], env)).code).toBe(0);
        await connection.query(`set global innodb_redo_log_capacity = ${bytes}`);
        expect((await place.run(['adopt'], env)).stdout).not.toContain('redo_log');
      } finally {
        await connection.end();
        place.leave();
        await server.stop();
      }
    });
  },
);
