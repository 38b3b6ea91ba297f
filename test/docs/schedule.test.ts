import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase } from '../../src/database/database.js';
import { placeToRun } from '../support/command-line.js';

const guide = readFileSync(new URL('../../docs/schedule.md', import.meta.url), 'utf8');

/** Returns the code blocks of a language. */
function blocks(language: string): string[] {
  return [...guide.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code!);
}

describe('docs/schedule.md', () => {
  const [variables] = blocks('sh') as [string];
  const [crontab, nightly] = blocks('crontab') as [string, string];
  const [service, timer] = blocks('ini') as [string, string];

  it('docs/schedule.md shows variables that the server accepts', () => {
    expect(readConfig(parseEnv(variables))).toMatchObject({ verifySchedule: '17 3 * * *', verifyAction: 'verify' });
  });

  it('docs/schedule.md shows a cron line that prints what the command printed where it fails, and nothing else', () => {
    const [, pattern, command] = /^((?:\S+ ){5})(.*)\n$/.exec(crontab)!;
    expect(readConfig({ VERIFY_SCHEDULE: pattern!.trim() })).toMatchObject({ verifySchedule: '17 3 * * *' });
    // To cron a percent sign ends the command.
    expect(command).not.toContain('%');
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-cron-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
    const program = join(folder, 'node_modules/.bin/node');
    for (const [code, printed] of [
      [0, ''],
      [3, 'dist/cli/main.js verify\non standard error\n'],
    ] as const) {
      writeFileSync(program, `#!/bin/sh\necho "$@"\necho on standard error >&2\nexit ${code}\n`);
      chmodSync(program, 0o755);
      expect(
        spawnSync('/bin/sh', ['-c', command!.replace('/srv/rollcall', folder)], { encoding: 'utf8' }),
      ).toMatchObject({ status: 0, stdout: printed, stderr: '' });
    }
  });

  it('docs/schedule.md shows a cron line that repairs, and writes a log, in the environment of cron', async () => {
    const [, pattern, command] = /^((?:\S+ ){5})(.*)\n$/.exec(nightly)!;
    expect(readConfig({ VERIFY_SCHEDULE: pattern!.trim() })).toMatchObject({ verifySchedule: '0 3 * * *' });
    expect(command).not.toContain('%');
    const place = placeToRun();
    onTestFinished(() => place.leave());
    await place.run(['seed', '--courses', '1', '--students', '5', '--enrollments', '3']);
    const database = await openDatabase(place.databaseUrl);
    await database.em.execute('update core_course set total_enrollments = 77');
    await database.close(true);
    writeFileSync(join(place.folder, '.env'), `DATABASE_URL=${place.databaseUrl}\n`);
    mkdirSync(join(place.folder, 'node_modules/.bin'), { recursive: true });
    symlinkSync(process.execPath, join(place.folder, 'node_modules/.bin/node'));
    symlinkSync(resolve(import.meta.dirname, '../../dist'), join(place.folder, 'dist'));
    const log = join(place.folder, 'update.log');
    const line = command!.replace('/srv/rollcall', place.folder).replace('/var/log/enrollments_update.log', log);
    const options = { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' }, cwd: '/' } as const;
    expect(spawnSync('/bin/sh', ['-c', line], options)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const title = String.raw`"[^"]+" \(ID: 1\)`;
    expect(readFileSync(log, 'utf8')).toMatch(
      new RegExp(
        String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\nUpdated course ${title} - total_enrollments: 3\nCompleted! Updated 1 course\(s\) out of 1 total courses\.\nExit code 0\n$`,
      ),
    );
    writeFileSync(join(place.folder, '.env'), 'DATABASE_URL=sqlite:data/none.sqlite\n');
    spawnSync('/bin/sh', ['-c', line], options);
    expect(readFileSync(log, 'utf8')).toMatch(/\nThere is no database file .*\nExit code 1\n$/);
  });

  it('docs/schedule.md shows systemd units that do the same at the same moment', () => {
    expect(service).toMatch(/^ExecStart=\/srv\/rollcall\/node_modules\/\.bin\/node dist\/cli\/main\.js verify$/m);
    expect(service).toMatch(/^WorkingDirectory=\/srv\/rollcall$/m);
    expect(timer).toMatch(/^OnCalendar=\*-\*-\* 03:17:00 UTC$/m);
  });
});
