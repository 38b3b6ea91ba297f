import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { grouped } from '../../src/tools/words.js';
import { storedAndActual } from '../support/api.js';
import type { Running } from '../support/command-line.js';
import { describeOnEach, describeOnMySql } from '../support/databases.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { addCountedCourses, bypassCounters, placeOn, type PlaceOn } from '../support/place-on.js';
import { addCourses } from '../support/rows.js';
import { waitUntil } from '../support/wait.js';

describeOnEach('backup and restore', kind => {
  let place: PlaceOn;
  let courses: number[];

  beforeEach(async () => {
    place = await placeOn(kind);
    ({ courses } = await addCountedCourses(place.database, ['Optics', 'Logic']));
  });
  afterEach(() => place.leave());

  it('restore brings back the counts of a backup, and shows them first', async () => {
    expect(await place.run(['backup', 'counts.jsonl'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'Backed up the counts of 2 courses to counts.jsonl.\n',
    });
    await bypassCounters(place.database, `update core_course set total_enrollments = 9 where id = ${courses[1]}`);
    const at = (JSON.parse(readFileSync(join(place.folder, 'counts.jsonl'), 'utf8').split('\n')[0]!) as { at: string })
      .at;
    const table = [
      '      id  title                                 counter                     stored    backup    actual',
      `${String(courses[1]).padStart(8)}  Logic                                 Course.totalEnrollments          9         3         3`,
      '',
      `counts.jsonl has the counts of 2 courses on ${kind} at ${at}.`,
      '',
    ].join('\n');
    expect(await place.run(['restore', '--dry-run', 'counts.jsonl'])).toEqual({
      code: 0,
      stdout: `${table}Dry run: 1 count of 1 course would change.\n`,
      stderr: '',
    });
    expect((await storedAndActual(place.database))[1]!.stored).toEqual([9, 2]);
    expect(await place.run(['restore', 'counts.jsonl'])).toEqual({
      code: 0,
      stdout: `${table}Restored 1 count of 1 course.\n`,
      stderr: '',
    });
    expect((await storedAndActual(place.database))[1]!.stored).toEqual([3, 2]);
    expect(await place.run(['restore', 'counts.jsonl'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/\nThere is nothing to restore: all counts equal those of the file\.\n$/),
    });
  });

  it('restore says that old numbers do not match, and what to do: exit code 3', async () => {
    await place.run(['backup', 'counts.jsonl']);
    await bypassCounters(
      place.database,
      `delete from core_enrollments where course_id = ${courses[0]} and status = 'dropped'`,
    );
    await bypassCounters(place.database, `update core_course set total_enrollments = 2 where id = ${courses[0]}`);
    const warning = (verb: string): string =>
      `With the file's numbers 1 count ${verb} not match the enrollments. "rollcall verify" lists them, "rollcall recount" repairs them.\n`;
    expect(await place.run(['restore', '--dry-run', 'counts.jsonl'])).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(new RegExp(`would change\\.\n${warning('would')}$`)),
    });
    expect(await place.run(['restore', 'counts.jsonl'])).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(new RegExp(`Restored 1 count of 1 course\\.\n${warning('does')}$`)),
    });
    expect(await place.run(['verify'])).toMatchObject({ code: 3 });
  });

  /** Adds courses whose counts drift from those of a backup, and returns the ids of all. */
  async function addManyToRestore(count: number): Promise<number[]> {
    const ids = await addCourses(
      place.database,
      Array.from({ length: count }, () => ({})),
    );
    expect(await place.run(['backup', 'counts.jsonl'])).toMatchObject({ code: 0 });
    await bypassCounters(place.database, 'update core_course set total_enrollments = 7');
    return [...courses, ...ids];
  }

  /** Returns how many courses are restored, and expects them to be the first ones. */
  async function restoredOf(ids: readonly number[]): Promise<number> {
    const totals = (await storedAndActual(place.database)).map(({ stored }) => stored[0]);
    const restored = totals.filter(total => total !== 7).length;
    expect(totals).toEqual(ids.map((id, index) => (index >= restored ? 7 : courses.includes(id) ? 3 : 0)));
    return restored;
  }

  // With PostgreSQL it would only take long: its restore beside others has tests of its own.
  if (kind !== 'postgresql')
    it('restore that is killed leaves the counts of the file up to a course and the former ones after it; the same command finishes', async () => {
      const ids = await addManyToRestore(1500);
      const isBegun = `select count(*) as restored from core_course where total_enrollments <> 7`;
      let killed = false;
      const command = place.start(['restore', 'counts.jsonl']);
      // Under the lock of the last course, or of the SQLite file, it cannot finish meanwhile.
      await waitUntil(async () => {
        await place.database.em.fork().transactional(async em => {
          if (kind !== 'sqlite') await em.execute(`select id from core_course where id = ${ids.at(-1)} for update`);
          const begun = async (): Promise<boolean> =>
            (await place.database.em.fork().execute<{ restored: number }[]>(isBegun))[0]!.restored > 0;
          if (kind !== 'sqlite') await waitUntil(begun, 'The restore does not begin.');
          else if (Number((await em.execute<{ restored: number }[]>(isBegun))[0]!.restored) === 0) return;
          killed = command.process.kill('SIGKILL');
          await command.ended;
        });
        return killed;
      }, 'The restore does not begin.');
      const restored = await restoredOf(ids);
      expect(restored).toBeGreaterThan(0);
      expect(restored).toBeLessThan(ids.length);
      expect(await place.run(['restore', 'counts.jsonl'])).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(
          new RegExp(
            `\\nRestored ${grouped(ids.length - restored)} counts of ${grouped(ids.length - restored)} courses\\.\\n$`,
          ),
        ),
      });
      expect(await restoredOf(ids)).toBe(ids.length);
    });

  it('restore names the courses that only one side knows', async () => {
    await place.run(['backup', 'counts.jsonl']);
    await bypassCounters(place.database, `delete from core_enrollments where course_id = ${courses[1]}`);
    await bypassCounters(place.database, `delete from core_course where id = ${courses[1]}`);
    const { courses: since } = await addCountedCourses(place.database, ['New']);
    const { stdout } = await place.run(['restore', 'counts.jsonl']);
    expect(stdout).toContain(
      `Skipped, because the database does not have them: 1 course (${courses[1]}).\nNot in the file, and left unchanged: 1 course (${since[0]}).\n`,
    );
  });
});

describeOnMySql('restore that is interrupted', kind => {
  it('restore that is asked to stop says how far it came and how to go on, and ends with 1', async () => {
    const place = await placeOn(kind);
    onTestFinished(() => place.leave());
    const ids = await addCourses(
      place.database,
      Array.from({ length: 1200 }, () => ({})),
    );
    await place.run(['backup', 'counts.jsonl']);
    await bypassCounters(place.database, 'update core_course set total_enrollments = 7');
    let command!: Running;
    await place.database.em.fork().transactional(async em => {
      await em.execute(`select id from core_course where id = ${ids[400]} for update`);
      command = place.start(['restore', 'counts.jsonl']);
      await untilLockWaits(place.database);
      command.process.kill('SIGINT');
      await command.says('Stopping after this transaction.');
    });
    const { code, stdout } = await command.ended;
    const [, count, last] =
      /\nInterrupted\. Restored (\d+) counts of \1 courses, up to course (\d+)\. Run the command again to restore the rest\.\n$/.exec(
        stdout,
      )!;
    expect([code, ids[Number(count) - 1]]).toEqual([1, Number(last)]);
    const [row] = await place.database.em
      .fork()
      .execute<{ last: number }[]>('select max(id) as last from core_course where total_enrollments = 0');
    expect(row!.last).toBe(Number(last));
    expect(Number(count)).toBeLessThan(ids.length);
    expect(await place.run(['restore', 'counts.jsonl'])).toMatchObject({ code: 0 });
  });
});

describe('backup and restore', () => {
  let place: PlaceOn;

  beforeEach(async () => {
    place = await placeOn('sqlite');
    await addCountedCourses(place.database, ['Optics']);
  });
  afterEach(() => place.leave());

  it('backup replaces no file without --force, and writes nothing but the backup to standard output', async () => {
    const { stdout, stderr } = await place.run(['backup', '-']);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map(line => Object.keys(JSON.parse(line) as object)[0]),
    ).toEqual(['format', 'id', 'courses']);
    expect(stderr).toBe('Backed up the counts of 1 course.\n');
    writeFileSync(join(place.folder, 'counts.jsonl'), 'old');
    expect(await place.run(['backup', 'counts.jsonl'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'counts.jsonl exists already. Give another name, or add --force to replace it.\n',
    });
    expect(await place.run(['backup', '--force', 'counts.jsonl'])).toMatchObject({ code: 0 });
    expect(await place.run(['restore', 'counts.jsonl'])).toMatchObject({ code: 0 });
  });

  it('restore rejects with one line a file that is incomplete, no backup, or missing', async () => {
    const { stdout } = await place.run(['backup', '-']);
    const refused = (message: RegExp) => ({ code: 1, stdout: '', stderr: expect.stringMatching(message) as string });
    writeFileSync(join(place.folder, 'cut.jsonl'), stdout.slice(0, stdout.lastIndexOf('{')));
    expect(await place.run(['restore', 'cut.jsonl'])).toEqual(
      refused(/^cut\.jsonl is not whole: it has 1 of 1 courses, and no closing line\. .*\n$/),
    );
    expect(await place.run(['restore', 'none.jsonl'])).toEqual(
      refused(/^There is no file none\.jsonl\. Check the path\.\n$/),
    );
    expect(await place.run(['restore', '.'])).toEqual(refused(/^\. is a folder\. Name a file in it\.\n$/));
  });
});
