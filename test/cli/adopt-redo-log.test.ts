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
