import { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { checkStrategy, insertMany, installTriggers, removeTriggers, triggerStatus } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Enrollment, EnrollmentStatus, Role } from '../../src/entities/index.js';
import { tree } from '../counters/models/tree.js';
import { addCourse, addUser } from '../support/api.js';
import { describeOnFirstThree, describeOnMySql, freshUrl } from '../support/databases.js';
import { freshSchema } from '../support/schema.js';
import { migrate } from '../support/migrated.js';

describeOnFirstThree('the strategy of the counters', kind => {
  /** The body of a trigger of an earlier version, which had one counter. */
  const earlierBody =
    kind === 'sqlite'
      ? 'begin update `core_course` set `total_enrollments` = `total_enrollments` + 1 where (`core_course`.`id` = 0); end'
      : 'begin if coalesce(@counters_kept_by_hooks, 0) = 0 then update core_course set total_enrollments = total_enrollments + 1 where id = 0; end if; end';
  let hooks: Database;
  let triggers: Database;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const fresh = freshUrl(kind);
    hooks = await openDatabase(fresh.url, 'hooks');
    triggers = await openDatabase(fresh.url, 'triggers');
    await migrate(hooks);
    drop = async () => {
      await hooks.close(true);
      await triggers.close(true);
      await fresh.drop();
    };
  });

  afterEach(() => drop());

  it('the strategy "hooks" fits a database without triggers, and "triggers" one with all of them', async () => {
    await checkStrategy(hooks.em);
    await expect(checkStrategy(triggers.em)).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
    expect((await installTriggers(triggers.em)).created).toHaveLength(kind === 'sqlite' ? 3 : 6);
    await checkStrategy(triggers.em);
    await expect(checkStrategy(hooks.em)).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
  });

  it('installing a second time changes nothing', async () => {
    const { created } = await installTriggers(hooks.em);
    expect(await installTriggers(hooks.em)).toEqual({ created: [], dropped: [] });
    expect(await triggerStatus(hooks.em)).toEqual({
      guarded: false,
      present: created,
      missing: [],
      different: [],
      superfluous: [],
      foreign: [],
    });
  });

  it('a missing or changed trigger is detected, and replaced', async () => {
    const [first, second] = (await installTriggers(hooks.em)).created;
    const connection = hooks.em.getConnection();
    await connection.execute(`drop trigger ${first}`, [], 'run');
    await connection.execute(`drop trigger ${second}`, [], 'run');
    const event = second!.endsWith('before_insert') ? 'before insert' : second!.split('_').slice(-2).join(' ');
    await connection.execute(
      `create trigger ${second} ${event} on core_enrollments for each row ${earlierBody}`,
      [],
      'run',
    );
    expect(await triggerStatus(hooks.em)).toMatchObject({ missing: [first], different: [second] });
    await expect(checkStrategy(triggers.em)).rejects.toThrow(second);
    expect(await installTriggers(hooks.em)).toEqual({ created: [first, second], dropped: [] });
    await checkStrategy(triggers.em);
  });

  it('dropping the triggers leaves none behind', async () => {
    const { created } = await installTriggers(hooks.em);
    expect(await removeTriggers(hooks.em)).toEqual(created);
    await checkStrategy(hooks.em);
    expect(await removeTriggers(hooks.em)).toEqual([]);
  });

  it('a trigger of a counter that is no longer declared is detected, and dropped', async () => {
    await hooks.em
      .getConnection()
      .execute(
        `create trigger counters_core_enrollments_teacher_id_after_delete after delete on core_enrollments for each row ${earlierBody}`,
        [],
        'run',
      );
    const superfluous = ['counters_core_enrollments_teacher_id_after_delete'];
    expect(await triggerStatus(hooks.em)).toMatchObject({ present: [], superfluous });
    await expect(checkStrategy(hooks.em)).rejects.toThrow(superfluous[0]);
    expect(await installTriggers(hooks.em)).toMatchObject({ dropped: superfluous });
    expect(await triggerStatus(hooks.em)).toMatchObject({ missing: [], superfluous: [] });
  });

  it.each([
    [
      'does something else',
      'counters_core_enrollments_course_id_after_delete after delete',
      'begin update core_course set title = title where id = 0; end',
    ],
    [
      'is one of a counter that was never declared',
      'counters_core_enrollments_teacher_id_after_delete after delete',
      'begin delete from core_user where id = 0; end',
    ],
  ])(
    'a trigger of another application with a name of ours is neither replaced nor dropped: it %s',
    async (_, head, body) => {
      const [name] = head.split(' ');
      await hooks.em
        .getConnection()
        .execute(`create trigger ${head} on core_enrollments for each row ${body}`, [], 'run');
      expect(await triggerStatus(hooks.em)).toMatchObject({
        present: [],
        different: [],
        superfluous: [],
        foreign: [name],
      });
      const refused = {
        code: 'COUNTER_STRATEGY',
        message: expect.stringContaining(`somebody else made them: ${name}. No trigger was changed.`),
      };
      await expect(installTriggers(hooks.em)).rejects.toMatchObject(refused);
      await expect(removeTriggers(hooks.em)).rejects.toMatchObject(refused);
      await expect(checkStrategy(hooks.em)).rejects.toThrow(name);
      await expect(checkStrategy(triggers.em)).rejects.toThrow(name);
      expect(await triggerStatus(hooks.em)).toMatchObject({ foreign: [name] });
    },
  );

  it('a trigger with the body of ours is not ours on another event, nor with another condition', async () => {
    const { created } = await installTriggers(hooks.em);
    const name = created.find(one => one.endsWith('after_delete'))!;
    const [row] = await hooks.em
      .getConnection()
      .execute<{ body: string }[]>(
        kind === 'sqlite'
          ? `select substr(sql, instr(sql, 'begin')) as body from sqlite_master where name = '${name}'`
          : `select action_statement as body from information_schema.triggers where trigger_schema = database() and trigger_name = '${name}'`,
      );
    const heads = [
      'before delete on core_enrollments for each row',
      ...(kind === 'sqlite' ? ['after delete on core_enrollments for each row when old.id < 0'] : []),
    ];
    for (const head of heads) {
      await hooks.em.getConnection().execute(`drop trigger ${name}`, [], 'run');
      await hooks.em.getConnection().execute(`create trigger ${name} ${head} ${row!.body}`, [], 'run');
      expect(await triggerStatus(hooks.em)).toMatchObject({ missing: [], different: [name] });
    }
  });

  it('triggers that an application has for its own purposes are left alone', async () => {
    await hooks.em
      .getConnection()
      .execute(
        'create trigger audit after delete on core_enrollments for each row begin update core_course set title = title where id = 0; end',
        [],
        'run',
      );
    await checkStrategy(hooks.em);
    await installTriggers(hooks.em);
    await removeTriggers(hooks.em);
    await expect(hooks.em.getConnection().execute('drop trigger audit', [], 'run')).resolves.toBeDefined();
  });

  it('the strategy "triggers" writes no counted row without the triggers, so that none goes uncounted', async () => {
    const course = await addCourse(hooks);
    const student = await addUser(hooks, Role.STUDENT);
    const refused = {
      code: 'COUNTER_STRATEGY',
      message: expect.stringContaining('Install them, or count with hooks.'),
    };
    const em = triggers.em.fork();
    em.create(Enrollment, { course, student });
    await expect(em.flush()).rejects.toMatchObject(refused);
    const now = new Date(0);
    await expect(
      insertMany(triggers.em.fork(), Enrollment, [
        { course, student, status: EnrollmentStatus.ACTIVE, enrolledAt: now, updatedAt: now },
      ]),
    ).rejects.toMatchObject(refused);
    expect(await hooks.em.fork().count(Enrollment)).toBe(0);
  });

  it('the schema with triggers is still the one that the entities define', async () => {
    await installTriggers(hooks.em);
    expect(await hooks.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
  });
});

describeOnMySql('a counter of rows in their own table', kind => {
  it('a counter of rows in their own table cannot be kept by triggers: COUNTER_STRATEGY', async () => {
    const { database, drop } = await freshSchema(kind, tree, 'hooks');
    onTestFinished(drop);
    await expect(installTriggers(database.em)).rejects.toMatchObject({
      code: 'COUNTER_STRATEGY',
      message: expect.stringContaining('Category.childCount'),
    });
  });
});

it('triggers on SQLite are changed once the transaction of another process has ended, however early they are requested', async () => {
  const { url, drop } = freshUrl('sqlite');
  const database = await openDatabase(url, 'triggers');
  const other = new DatabaseSync(url.slice('sqlite:'.length));
  onTestFinished(async () => {
    other.close();
    await database.close(true);
    await drop();
  });
  await migrate(database);
  other.exec('begin immediate');
  const installing = installTriggers(database.em).catch((error: unknown) => error);
  // Time for a failing try: each try blocks this process.
  for (let turns = 0; turns < 100; turns += 1) await turn();
  other.exec('commit');
  expect(await installing).toMatchObject({ created: [expect.any(String), expect.any(String), expect.any(String)] });
});
