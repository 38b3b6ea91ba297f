import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import {
  adjust,
  checkStrategy,
  installTriggers,
  recount,
  removeTriggers,
  triggerStatus,
  verify,
} from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Course, Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, storedAndActual } from '../support/api.js';
import { describeOnServers, freshUrl } from '../support/databases.js';
import { DjangoApp, untilDone } from '../support/django-app.js';
import { migrate } from '../support/migrated.js';
import { rowTrigger } from '../support/row-trigger.js';
import { addUsers } from '../support/rows.js';

const guardNames = [
  'counters_core_enrollments_guard_core_course_before_insert',
  'counters_core_enrollments_guard_core_course_before_update',
];

describeOnServers('a guard of stored counts', kind => {
  let url: string;
  let database: Database;
  let app: DjangoApp;
  let other: DjangoApp;
  let drop: () => Promise<void>;
  let course: number;
  let students: number[];

  beforeAll(async () => {
    const fresh = freshUrl(kind);
    ({ url } = fresh);
    database = await openDatabase(url, 'triggers');
    await migrate(database);
    await installTriggers(database.em, { guard: true });
    app = await DjangoApp.connect(url);
    other = await DjangoApp.connect(url);
    drop = async () => {
      await app.end();
      await other.end();
      await database.close(true);
      await fresh.drop();
    };
  });

  afterAll(() => drop());

  beforeEach(async () => {
    course = await addCourse(database);
    students = await addUsers(database, Role.STUDENT, 6);
    await addEnrollment(database, course, students[0]!);
  });

  const counts = async (id = course): Promise<{ stored: number[]; actual: number[] }> => {
    const { stored, actual } = (await storedAndActual(database)).find(row => row.id === id)!;
    return { stored, actual };
  };
  const exact = (...both: number[]): object => ({ stored: both, actual: both });
  const titleOf = async (): Promise<unknown> =>
    (await app.rows('select title from core_course where id = ?', course))[0]!['title'];

  /** Lets this session, and no other, make drift. */
  async function breakCounts(total: number, active: number): Promise<void> {
    const set = (value: string): string =>
      kind === 'postgresql' ? `set counters.may_assign = '${value}'` : `set @counters_may_assign = ${value}`;
    await app.run(set('1'));
    await app.run(
      'update core_course set total_enrollments = ?, active_enrollments = ? where id = ?',
      total,
      active,
      course,
    );
    await app.run(set('0'));
    expect((await counts()).stored).toEqual([total, active]);
  }

  it.each([
    ['a number', 'total_enrollments = 99'],
    ['one more', 'total_enrollments = total_enrollments + 1, active_enrollments = active_enrollments - 1'],
    [
      'what COUNT(*) gives another program',
      'total_enrollments = (select count(*) + 5 from core_enrollments e where e.course_id = core_course.id)',
    ],
  ])('another program that assigns %s gets no error, and changes nothing but other columns', async (_, assignment) => {
    await app.run(`update core_course set title = 'Assigned', ${assignment} where id = ?`, course);
    expect(await counts()).toEqual(exact(1, 1));
    expect(await titleOf()).toBe('Assigned');
  });

  it('a program that saves all columns of a course that it has read before saves the others, and no count', async () => {
    const stale = await app.get(course);
    await addEnrollment(database, course, students[1]!);
    await stale.save({ title: 'Saved' });
    expect(await counts()).toEqual(exact(2, 2));
    expect(await titleOf()).toBe('Saved');
  });

  it('a course that another program inserts with a count begins with 0', async () => {
    await app.run(
      "insert into core_course (title, status, is_published, total_enrollments, active_enrollments, created_at, updated_at) select 'Inserted', status, is_published, 7, 7, created_at, updated_at from core_course where id = ?",
      course,
    );
    const [row] = await app.rows("select id from core_course where title = 'Inserted'");
    expect(await counts(Number(row!['id']))).toEqual(exact(0, 0));
    const clause =
      kind === 'postgresql'
        ? 'on conflict (id) do update set total_enrollments = excluded.total_enrollments, title = excluded.title'
        : 'on duplicate key update total_enrollments = values(total_enrollments), title = values(title)';
    await app.run(
      `insert into core_course (id, title, status, is_published, total_enrollments, created_at, updated_at) select id, 'Upserted', status, is_published, 7, created_at, updated_at from core_course where id = ? ${clause}`,
      course,
    );
    expect(await counts()).toEqual(exact(1, 1));
    expect(await titleOf()).toBe('Upserted');
  });

  it('rows that another program writes are counted, one or many, changed, moved and deleted', async () => {
    const second = await addCourse(database);
    await app.bulkCreate(course, students.slice(1, 4));
    expect(await counts()).toEqual(exact(4, 4));
    await app.run('update core_enrollments set course_id = ? where student_id = ?', second, students[1]);
    expect([await counts(), await counts(second)]).toEqual([exact(3, 3), exact(1, 1)]);
    await app.updateStatuses(course, 'dropped');
    expect(await counts()).toEqual(exact(3, 0));
    await app.run('delete from core_enrollments where course_id in (?, ?)', course, second);
    expect([await counts(), await counts(second)]).toEqual([exact(0, 0), exact(0, 0)]);
  });

  it('the signals of two programs that overtake each other leave no drift; without the guard they do', async () => {
    const race = async (): Promise<unknown> => {
      await app.bulkCreate(course, [students[1]!]);
      const first = await app.countOf(course);
      await other.create(course, students[2]!);
      await app.assignCount(course, first);
      return counts();
    };
    expect(await race()).toEqual(exact(3, 3));
    await app.run('delete from core_enrollments where student_id in (?, ?)', students[1], students[2]);
    await installTriggers(database.em, { guard: false });
    onTestFinished(async () => void (await installTriggers(database.em, { guard: true })));
    expect(await race()).toEqual({ stored: [2, 3], actual: [3, 3] });
    await database.em.fork().transactional(em => recount(em, Course, [course]));
    await installTriggers(database.em, { guard: true });
    expect(await counts()).toEqual(exact(3, 3));
  });

  it('counts stay exact while two programs with signals and this one write the same courses', async () => {
    const courses = [course, await addCourse(database)];
    const all = await addUsers(database, Role.STUDENT, 30);
    const [mine, first, second] = [all.slice(0, 10), all.slice(10, 20), all.slice(20)];
    const work = async (program: DjangoApp, own: readonly number[]): Promise<void> => {
      for (const [index, student] of own.entries()) {
        const [at, next] = [courses[index % 2]!, courses[(index + 1) % 2]!];
        await untilDone(() => program.create(at, student));
        const stale = await program.get(at);
        if (index % 3 === 0) await untilDone(() => program.bulkCreate(next, [student], 'dropped'));
        await untilDone(() => stale.save({ title: `Saved by ${student}` }));
        if (index % 2 === 0) await untilDone(() => program.delete(at, student));
      }
    };
    await Promise.all([
      work(app, first),
      work(other, second),
      ...mine.map((student, index) =>
        untilDone(async () => void (await addEnrollment(database, courses[index % 2]!, student))),
      ),
    ]);
    for (const id of courses) {
      const { stored, actual } = await counts(id);
      expect(stored).toEqual(actual);
    }
  });

  it('verify finds drift beside a guard, recount repairs it, and adjusting it back undoes that', async () => {
    await breakCounts(9, 8);
    const chunks = await Array.fromAsync(verify(database.em.fork(), Course));
    expect(chunks.flatMap(({ drifts }) => drifts)).toHaveLength(2);
    const changes = await database.em.fork().transactional(em => recount(em, Course, [course]));
    expect(changes).toMatchObject([
      { before: 9, after: 1 },
      { before: 8, after: 1 },
    ]);
    expect(await counts()).toEqual(exact(1, 1));
    const amounts = { 'Course.totalEnrollments': 8, 'Course.activeEnrollments': 7 };
    await database.em.fork().transactional(em => adjust(em, Course, [course], amounts));
    expect((await counts()).stored).toEqual([9, 8]);
    await database.em.fork().transactional(em => recount(em, Course, [course]));
    expect(await counts()).toEqual(exact(1, 1));
  });

  it('a session may assign counts during a recount, and not after it, whether it is committed, rolled back or fails', async () => {
    const assign = `update core_course set total_enrollments = 50 where id = ${course}`;
    await breakCounts(4, 1);
    await database.em.fork().transactional(async em => {
      await recount(em, Course, [course]);
      await em.execute(assign);
      await em
        .transactional(async inner => {
          await inner.execute(assign);
          await recount(inner, Course, [course]);
          throw new Error('undone');
        })
        .catch(() => undefined);
      await em.execute(assign);
    });
    expect(await counts()).toEqual(exact(1, 1));
    await expect(
      database.em.fork().transactional(async em => {
        await expect(adjust(em, Course, [course], { 'Course.totalEnrollments': -5 })).rejects.toMatchObject({
          code: 'COUNTER_UNDERFLOW',
        });
        await em.execute(assign);
        await recount(em, Course, [course]);
        throw new Error('undone');
      }),
    ).rejects.toThrow('undone');
    await database.em.fork().transactional(async em => void (await em.execute(assign)));
    expect(await counts()).toEqual(exact(1, 1));
  });

  it('nothing is left of a trigger that fails: its session may assign no counts afterwards', async () => {
    await breakCounts(0, 0);
    const remove = 'delete from core_enrollments where course_id = ?';
    await expect(app.run(remove, course)).rejects.toThrow();
    await app.assignCount(course, 50);
    expect(await counts()).toEqual({ stored: [0, 0], actual: [1, 1] });
    await app.run('begin');
    await app.run('savepoint before_it');
    await expect(app.run(remove, course)).rejects.toThrow();
    await app.run('rollback to savepoint before_it');
    await app.assignCount(course, 50);
    await app.run('commit');
    expect(await counts()).toEqual({ stored: [0, 0], actual: [1, 1] });
    await database.em.fork().transactional(em => recount(em, Course, [course]));
  });

  it.each([
    [
      'change',
      "update core_enrollments set status = 'dropped' where id in (select id from (select e.id from core_enrollments e inner join core_course c on e.course_id = c.id where c.title = 'Joined') chosen)",
    ],
    ['delete', "delete from core_enrollments where course_id in (select id from core_course where title = 'Joined')"],
  ])('a statement that finds the rows to %s by their course does nothing, or all of it', async (_, sql) => {
    await app.run("update core_course set title = 'Read' where title = 'Joined'");
    await app.run("update core_course set title = 'Joined' where id = ?", course);
    if (kind === 'postgresql') await app.run(sql);
    else await expect(app.run(sql)).rejects.toMatchObject({ errno: 1442 });
    const { stored, actual } = await counts();
    expect(stored).toEqual(actual);
    if (kind === 'postgresql') return;
    expect(stored).toEqual([1, 1]);
    // The way out: the ids first.
    const [row] = await app.rows("select id from core_course where title = 'Joined'");
    await app.updateStatuses(Number(row!['id']), 'dropped');
    expect(await counts()).toEqual(exact(1, 0));
  });

  it('what a trigger of another program adds to a count is ignored too, before and after the triggers that count', async () => {
    const statement = 'update core_course set total_enrollments = total_enrollments + 1 where id = new.course_id';
    // On PostgreSQL triggers run by their names, on the others as they were created.
    for (const name of ['a_theirs', 'z_theirs']) {
      for (const sql of rowTrigger(kind, name, 'after insert', 'core_enrollments', { statement })) await app.run(sql);
      await app.bulkCreate(course, [students[name === 'a_theirs' ? 1 : 2]!]);
      await app.run(`drop trigger ${name}${kind === 'postgresql' ? ' on core_enrollments' : ''}`);
    }
    expect(await counts()).toEqual(exact(3, 3));
  });

  if (kind !== 'postgresql')
    it('what a trigger of a killed statement leaves in its session permits nothing to the next statement', async () => {
      await app.run('set @counters_counting = utc_timestamp(6) + 0');
      await app.assignCount(course, 50);
      expect(await counts()).toEqual(exact(1, 1));
      await app.run('set @counters_counting = null');
    });

  if (kind !== 'postgresql')
    it('what a trigger that fails leaves in a procedure permits nothing to the next statement of the procedure', async () => {
      await breakCounts(0, 0);
      await app.run(
        `create procedure theirs() begin declare failed int default 0; begin declare continue handler for sqlexception set failed = 1; delete from core_enrollments where course_id = ${course}; end; update core_course set total_enrollments = 40 + failed where id = ${course}; end`,
      );
      await app.run('call theirs()');
      expect(await counts()).toEqual({ stored: [0, 0], actual: [1, 1] });
      await app.run('drop procedure theirs');
      await database.em.fork().transactional(em => recount(em, Course, [course]));
    });

  it('a server whose hooks count writes beside a guard, as during a change of the strategy', async () => {
    const hooks = await openDatabase(url, 'hooks');
    onTestFinished(() => hooks.close(true));
    await addEnrollment(hooks, course, students[1]!);
    expect(await counts()).toEqual(exact(2, 2));
    await breakCounts(7, 7);
    await hooks.em.fork().transactional(em => recount(em, Course, [course]));
    expect(await counts()).toEqual(exact(2, 2));
  });

  it('a guard is installed and removed with the triggers, recognized, and kept by a server that installs what is missing', async () => {
    const status = await triggerStatus(database.em);
    expect(status).toMatchObject({ guarded: true, missing: [], different: [], superfluous: [], foreign: [] });
    expect(status.present).toEqual(expect.arrayContaining(guardNames));
    await checkStrategy(database.em);
    expect(await installTriggers(database.em)).toEqual({ created: [], dropped: [] });

    // Half of it is gone, or all of it.
    const on = kind === 'postgresql' ? ' on core_course' : '';
    for (const gone of [guardNames.slice(0, 1), guardNames]) {
      for (const name of gone) await app.run(`drop trigger ${name}${on}`);
      expect(await triggerStatus(database.em)).toMatchObject({ guarded: true, missing: gone });
      await expect(checkStrategy(database.em)).rejects.toThrow(gone[0]);
      expect(await installTriggers(database.em)).toEqual({ created: gone, dropped: [] });
    }

    const without = await installTriggers(database.em, { guard: false });
    expect(without.dropped).toEqual(guardNames);
    expect(await triggerStatus(database.em)).toMatchObject({ guarded: false, missing: [], different: [] });
    await checkStrategy(database.em);
    expect(await installTriggers(database.em)).toEqual({ created: [], dropped: [] });

    await installTriggers(database.em, { guard: true });
    expect(await removeTriggers(database.em)).toEqual(expect.arrayContaining(guardNames));
    expect(await triggerStatus(database.em)).toMatchObject({ guarded: false, present: [], superfluous: [] });
    const { created } = await installTriggers(database.em, { guard: true });
    expect(created).toEqual(expect.arrayContaining(guardNames));
  });

  it("somebody else's trigger with a name of a guard is neither replaced nor dropped", async () => {
    await installTriggers(database.em, { guard: false });
    const [name] = guardNames;
    const make =
      kind === 'postgresql'
        ? [
            'create function of_another() returns trigger language plpgsql as $$ begin return new; end $$',
            `create trigger ${name} before insert on core_course for each row execute function of_another()`,
          ]
        : [`create trigger ${name} before insert on core_course for each row set @seen = 1`];
    for (const sql of make) await app.run(sql);
    expect(await triggerStatus(database.em)).toMatchObject({ guarded: false, foreign: [name] });
    await expect(installTriggers(database.em, { guard: true })).rejects.toThrow(name);
    await app.run(`drop trigger ${name}${kind === 'postgresql' ? ' on core_course' : ''}`);
    await installTriggers(database.em, { guard: true });
  });
});
