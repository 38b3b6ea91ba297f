import { beforeEach, expect, it } from 'vitest';
import { Role, RunKind, RunStatus, type EnrollmentStatus } from '../../src/entities/index.js';
import { cancelRun, startRecount, startUndo, workOn, type Run, type WorkOptions } from '../../src/recounts/index.js';
import { describeOnEach, useDatabase } from '../support/databases.js';
import {
  addFullCourses,
  breakTotals,
  changesOf,
  codesOf,
  continueRun,
  operator,
  recountAll,
  valueOf,
  write,
} from '../support/drift.js';
import { addEnrollments, addUsers, allRows, expectExactCounts } from '../support/rows.js';

describeOnEach('undoing a run', kind => {
  const opened = useDatabase(kind);
  let courses: number[];

  beforeEach(async () => {
    courses = await addFullCourses(opened.database, 5);
  });

  const undo = async (id: number, options: WorkOptions = {}): Promise<Run> =>
    workOn(opened.database, valueOf(await startUndo(opened.database, operator, { id })), options);
  const totals = async (): Promise<number[]> =>
    (
      await opened.database.em
        .getConnection()
        .execute<{ total: number }[]>('select total_enrollments as total from core_course order by id')
    ).map(({ total }) => total);

  it('undoing a run restores the previous counts, as a run of its own with changes of its own', async () => {
    const { database } = opened;
    await breakTotals(database, courses.slice(0, 3));
    await write(database, `update core_course set active_enrollments = 0 where id = ${courses[0]}`);
    const before = await allRows(database);
    const run = await recountAll(database, { courseIds: courses.slice(0, 4) });
    const undone = await undo(run.id);
    expect(undone).toMatchObject({
      kind: RunKind.UNDO,
      undoneRunId: run.id,
      status: RunStatus.SUCCEEDED,
      startedBy: 'admin',
      courseIds: courses.slice(0, 4),
      total: 4,
      checked: 4,
      repaired: 4,
      error: null,
    });
    expect(await changesOf(database, undone)).toEqual(
      (await changesOf(database, run)).map(change => ({ ...change, before: change.after, after: change.before })),
    );
    expect(await allRows(database)).toEqual(before);
    expect(await recountAll(database)).toMatchObject({ repaired: 3 });
    await expectExactCounts(database);
  });

  it('undoing a run keeps what writers have changed since', async () => {
    const { database } = opened;
    await breakTotals(database, [courses[0]!]);
    const run = await recountAll(database);
    const [student] = await addUsers(database, Role.STUDENT, 1);
    await addEnrollments(database, [{ course: courses[0]!, student: student!, status: 'active' as EnrollmentStatus }]);
    await undo(run.id);
    expect((await totals())[0]).toBe(10);
  });

  it('undoing a run twice is rejected, even while the first is working', async () => {
    await breakTotals(opened.database, courses);
    const { id } = await recountAll(opened.database);
    const first = valueOf(await startUndo(opened.database, operator, { id }));
    const meanwhile = await startUndo(opened.database, operator, { id });
    expect([codesOf(meanwhile), meanwhile.problems[0]!.message]).toEqual([
      ['IN_USE'],
      `Run ${first.id} has begun to undo run ${id}. Resume that one, or let it finish.`,
    ]);
    await workOn(opened.database, first);
    const after = await startUndo(opened.database, operator, { id });
    expect([codesOf(after), after.problems[0]!.message]).toEqual([
      ['IN_USE'],
      `Run ${id} was undone already, by run ${first.id}.`,
    ]);
    expect(await totals()).toEqual([9, 9, 9, 9, 9]);
  });

  it('a paused undoing goes on from where it was, and the next one goes on with a cancelled one', async () => {
    await breakTotals(opened.database, courses);
    const { id } = await recountAll(opened.database);
    const stop = new AbortController();
    const paused = await undo(id, { signal: stop.signal, onChange: () => stop.abort() });
    expect(paused).toMatchObject({ status: RunStatus.PAUSED, checked: 1 });
    expect(await totals()).toEqual([9, 3, 3, 3, 3]);
    const again = new AbortController();
    await continueRun(opened.database, paused.id, { signal: again.signal, onChange: () => again.abort() });
    valueOf(await cancelRun(opened.database, operator, paused));
    expect(await totals()).toEqual([9, 9, 3, 3, 3]);
    expect(await undo(id)).toMatchObject({ status: RunStatus.SUCCEEDED, total: 3, checked: 3, repaired: 3 });
    expect(await totals()).toEqual([9, 9, 9, 9, 9]);
    expect(codesOf(await startUndo(opened.database, operator, { id }))).toEqual(['IN_USE']);
  });

  it('undoing a cancelled run takes back what it had changed', async () => {
    await breakTotals(opened.database, courses);
    const stop = new AbortController();
    const run = await recountAll(opened.database, {}, { signal: stop.signal, onChange: () => stop.abort() });
    await cancelRun(opened.database, operator, run);
    expect(await undo(run.id)).toMatchObject({ total: 1, repaired: 1 });
    expect(await totals()).toEqual([9, 9, 9, 9, 9]);
  });

  it('undoing a run leaves a count alone that would become negative, takes the others back, and says so', async () => {
    const { database } = opened;
    await breakTotals(database, courses, 0);
    const run = await recountAll(database);
    await breakTotals(database, [courses[1]!], 2);
    const undone = await undo(run.id);
    expect(undone).toMatchObject({ status: RunStatus.FAILED, interrupted: false, total: 5, checked: 5, repaired: 4 });
    expect(undone.error).toBe(
      `Course.totalEnrollments of Course ${courses[1]} is 2, so -3 cannot be added to it. Recount it instead.`,
    );
    expect(await totals()).toEqual([0, 2, 0, 0, 0]);
    expect(codesOf(await startUndo(database, operator, { id: run.id }))).toEqual(['IN_USE']);
  });

  it('undoing a run skips a course that has been deleted', async () => {
    await breakTotals(opened.database, courses);
    const run = await recountAll(opened.database);
    await write(opened.database, `delete from core_enrollments where course_id = ${courses[2]}`);
    await write(opened.database, `delete from core_course where id = ${courses[2]}`);
    expect(await undo(run.id)).toMatchObject({ status: RunStatus.SUCCEEDED, checked: 5, repaired: 4 });
    expect(await totals()).toEqual([9, 9, 9, 9]);
  });

  it('undoing a dry run, an undoing, a run that changed nothing, or an unfinished one is rejected with the reason', async () => {
    const { database } = opened;
    const nothing = await recountAll(database);
    await breakTotals(database, courses);
    const dry = await recountAll(database, { dryRun: true });
    const run = await recountAll(database);
    const undoing = await undo(run.id);
    const running = valueOf(await startRecount(database, operator));
    const refusals = await Promise.all(
      [nothing, dry, undoing, running, { id: 12_345 }].map(({ id }) => startUndo(database, operator, { id })),
    );
    expect(refusals.map(({ problems }) => problems.map(({ code, message }) => `${code}: ${message}`))).toEqual([
      [`INVALID: Run ${nothing.id} changed nothing, so there is nothing to undo.`],
      [`INVALID: Run ${dry.id} was a dry run and changed nothing.`],
      [`INVALID: Run ${undoing.id} is itself the undo of run ${run.id}. Recount to repair what it left.`],
      [`IN_USE: Run ${running.id} has not finished. Cancel it first, or let it finish.`],
      ['NOT_FOUND: Run 12345 does not exist.'],
    ]);
  });

  it('undoing a run waits for no recount: it is rejected while a recount holds the same courses', async () => {
    await breakTotals(opened.database, courses);
    const run = await recountAll(opened.database);
    const other = valueOf(await startRecount(opened.database, operator));
    const outcome = await startUndo(opened.database, operator, run);
    expect([codesOf(outcome), outcome.problems[0]!.message.startsWith(`Run ${other.id}, `)]).toEqual([
      ['IN_USE'],
      true,
    ]);
  });
});
