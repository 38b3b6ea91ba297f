import { MikroORM } from '@mikro-orm/sql';
import { expect, it, onTestFinished } from 'vitest';
import { checkStrategy, counterMigration, installTriggers, recount, triggerStatus } from 'mikro-orm-counters';
import { addedCounters, modelOf } from '../counters/migration/releases.js';
import { addForum, Board, expectExactForum, forum, Thread } from '../counters/models/forum.js';
import { describeOnEngineDatabases, engineServerKinds } from '../support/databases.js';
import { freshSchema, schemaOptions, useSchema } from '../support/schema.js';

describeOnEngineDatabases(
  'a guard of counts through several relations',
  kind => {
    const schema = useSchema(kind, forum, 'triggers');

    it('each level is counted and guarded, also where one statement changes several targets', async () => {
      await installTriggers(schema.em(), { guard: true });
      const { threads, boards, areas } = await addForum(schema);
      await schema
        .write(
          'insert into post (thread_id, approved, points) select id, ?, 1.5 from thread where board_id is not null',
          [true],
        )
        .catch(async (error: unknown) => {
          // MySQL and MariaDB read no target in a statement that counts into it.
          expect(error).toMatchObject({ errno: 1442 });
          for (const thread of threads.slice(0, 3))
            await schema.write('insert into post (thread_id, approved, points) values (?, ?, 1.5)', [thread, true]);
        });
      await expectExactForum(schema);
      await schema.write('update post set thread_id = ? where thread_id = ?', [threads[2], threads[0]]);
      await schema.write('update thread set board_id = ? where id = ?', [boards[0], threads[2]]);
      await schema.write('update board set area_id = ? where id = ?', [areas[1], boards[0]]);
      await schema.write('delete from post where thread_id = ?', [threads[1]]);
      for (const [table, column] of [
        ['thread', 'post_count'],
        ['thread', 'points'],
        ['board', 'thread_count'],
        ['board', 'approved_count'],
        ['area', 'post_count'],
      ])
        await schema.write(`update ${table} set ${column} = ${column} + 7`);
      await expectExactForum(schema);
      await schema.write('update thread set board_id = ?, post_count = post_count + 100, points = 5 where id = ?', [
        boards[1],
        threads[2],
      ]);
      await expectExactForum(schema);
      await schema.em().transactional(async em => {
        await recount(em, Thread, [threads[0]!]);
        await recount(em, Board, [boards[0]!]);
      });
      await expectExactForum(schema);
      if (kind === 'postgresql') {
        await schema.write('truncate post');
        await expectExactForum(schema);
      }
    });
  },
  engineServerKinds,
);

describeOnEngineDatabases(
  'a guard and a counter that is added',
  kind => {
    it('a guard has a new counter from the moment at which its rollout ends, until it is removed', async () => {
      const schema = await freshSchema(kind, modelOf('former'), 'triggers');
      const next = modelOf('next');
      const orm = (await MikroORM.init((await schemaOptions(schema.url, next, 'triggers')) as never)) as MikroORM;
      onTestFinished(async () => {
        await orm.close(true);
        await schema.drop();
      });
      const run = (sql: string): Promise<unknown> => schema.database.em.getConnection().execute(sql, [], 'run');
      const board = async (): Promise<unknown> => (await schema.database.em.execute('select * from board'))[0];
      const migration = () => counterMigration(orm.em.fork(), addedCounters);
      await installTriggers(schema.database.em, { guard: true });
      await run("insert into board (id, name) values (1, '')");
      await run("insert into author (id, name) values (1, '')");
      const add = 'insert into note (board_id, author_id, pinned, points) values (1, 1, true, 5)';
      await run(add);

      await migration().run();
      await run(add);
      await run('update board set note_count = 9');
      expect(await board()).toMatchObject({ note_count: 2, pinned_count: 2, point_sum: 10 });
      await checkStrategy(orm.em);

      await migration().finish();
      await checkStrategy(orm.em);
      expect(await triggerStatus(orm.em)).toMatchObject({ guarded: true, missing: [], different: [] });
      await run('update board set note_count = 9, pinned_count = 9, point_sum = 9');
      await run('update author set note_count = 9');
      await run(add);
      expect(await board()).toMatchObject({ note_count: 3, pinned_count: 3, point_sum: 15 });
      expect(await schema.database.em.execute('select note_count from author')).toMatchObject([{ note_count: 3 }]);

      await migration().undo();
      await run("update board set note_count = 9, name = 'Renamed'");
      await run("update author set name = 'Renamed'");
      await run(add);
      expect(await board()).toMatchObject({ note_count: 4, name: 'Renamed' });
      expect(await triggerStatus(schema.database.em)).toMatchObject({ guarded: true, missing: [], different: [] });
    });
  },
  engineServerKinds,
);

describeOnEngineDatabases(
  'a guard where sessions have no variables',
  kind => {
    const schema = useSchema(kind, forum, 'triggers');

    it('a guard is refused, and the triggers stay as they are', async () => {
      const before = await triggerStatus(schema.em());
      await expect(installTriggers(schema.em(), { guard: true })).rejects.toMatchObject({
        code: 'COUNTER_STRATEGY',
        message: expect.stringContaining('SQLite cannot guard stored counts'),
      });
      expect(await triggerStatus(schema.em())).toEqual({ ...before, guarded: false });
      await installTriggers(schema.em(), { guard: false });
    });
  },
  ['sqlite'],
);
