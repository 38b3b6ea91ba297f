import { Migration, Migrator } from '@mikro-orm/migrations';
import { MikroORM, type SqlEntityManager } from '@mikro-orm/sql';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import {
  checkStrategy,
  counterMigration,
  counterStates,
  deleteWhere,
  insertMany,
  installTriggers,
  recountAll,
  triggerStatus,
  updateWhere,
  type CounterStrategy,
} from 'mikro-orm-counters';
import type { Database } from '../../../src/database/database.js';
import type { Options } from '../../../src/database/orm-options.js';
import { describeOnEngineDatabases, describeOnMySql, engineServerKinds } from '../../support/databases.js';
import { freshSchema, schemaOptions } from '../../support/schema.js';
import { tree } from '../models/tree.js';
import { letOthersWrite } from './let-others-write.js';
import { addedCounters, modelOf } from './releases.js';

const former = modelOf('former');
const next = modelOf('next');

async function open(url: string, model: typeof former, strategy: CounterStrategy, options: Options = {}) {
  const all = await schemaOptions(url, { ...model, options }, strategy);
  return (await MikroORM.init(all as never)) as unknown as Database;
}

describeOnEngineDatabases('a counter that is added to a live table', kind => {
  let schema: Awaited<ReturnType<typeof freshSchema>>;
  let formerOrm: Database;
  let nextOrm: Database;
  let formerTriggers: Database;
  let nextTriggers: Database;

  beforeAll(async () => {
    schema = await freshSchema(kind, former, 'hooks');
    formerOrm = schema.database;
    await letOthersWrite(formerOrm, kind);
    nextOrm = await open(schema.url, next, 'hooks');
    formerTriggers = await open(schema.url, former, 'triggers');
    nextTriggers = await open(schema.url, next, 'triggers');
    // PostgreSQL does not count on from rows that are inserted with their keys.
    for (const table of kind === 'postgresql' ? ['board', 'author', 'note'] : [])
      await run(`alter sequence ${table}_id_seq restart with 100`);
  });
  afterAll(async () => {
    await Promise.all([nextOrm, formerTriggers, nextTriggers].map(orm => orm.close(true)));
    await schema.drop();
  });

  const run = (sql: string): Promise<unknown> => formerOrm.em.getConnection().execute(sql, [], 'run');

  beforeEach(async () => {
    await run('insert into board (id) values (1), (2), (3)');
    await run('insert into author (id) values (1), (2)');
    await run(
      'insert into note (id, board_id, author_id, pinned, points) values (1, 1, 1, true, 5), (2, 1, 1, true, 0), (3, 1, 2, false, -2), (4, 2, null, true, -7), (5, 2, 1, false, 1)',
    );
    await recountAll(formerOrm.em);
  });

  afterEach(async () => {
    await counterMigration(nextTriggers.em, addedCounters).undo();
    await run('delete from note');
    for (const table of ['board', 'author']) await run(`delete from ${table}`);
    for (const trigger of (await triggerStatus(formerOrm.em)).present) await dropTrigger(trigger);
  });

  const migration = (orm = nextOrm) => counterMigration(orm.em.fork(), addedCounters);

  async function dropTrigger(name: string): Promise<void> {
    await run(`drop trigger ${name}${kind === 'postgresql' ? ' on note' : ''}`);
  }

  async function states(orm = nextOrm): Promise<Record<string, string>> {
    return Object.fromEntries((await counterStates(orm.em)).map(({ counter, state }) => [counter, state]));
  }
  const added = (state: string) => ({
    'Author.noteCount': state,
    'Board.noteCount': 'live',
    'Board.pinnedCount': state,
    'Board.pointSum': state,
  });

  /** Returns stored minus actual for each row of a table. */
  async function drift(column: string, actual: string, table = 'board'): Promise<number[]> {
    const rows = await formerOrm.em.execute<{ in_column: number; in_rows: number }[]>(
      `select ${column} as in_column, (select ${actual} from note n where n.${table}_id = t.id) as in_rows from ${table} t order by id`,
    );
    return rows.map(({ in_column, in_rows }) => Number(in_column) - Number(in_rows));
  }
  async function expectExact(): Promise<void> {
    expect(await drift('note_count', 'count(*)')).toEqual([0, 0, 0]);
    expect(await drift('pinned_count', 'count(case when pinned = true then 1 end)')).toEqual([0, 0, 0]);
    expect(await drift('point_sum', 'coalesce(sum(points), 0)')).toEqual([0, 0, 0]);
    expect(await drift('note_count', 'count(*)', 'author')).toEqual([0, 0]);
  }

  /** Writes in every way by an entity manager of a release. */
  async function writeAs({ Note, Board }: typeof former, { em }: Database): Promise<void> {
    const own = em.fork();
    const notes = await own.find(Note, {}, { orderBy: { id: 'asc' } });
    own.assign(notes[0]!, { pinned: false, points: -4 });
    own.assign(notes[1]!, { board: 3, author: 2 } as never);
    own.remove(notes[2]!);
    const board = own.create(Board, { name: 'New' } as never);
    own.create(Note, { board, author: 1, pinned: true } as never);
    await own.flush();
    await insertMany(
      own,
      Note,
      [1, 2, 3].map(id => ({ board: id, author: null, pinned: id > 1, points: 3 * id })) as never,
    );
    await updateWhere(own, Note, { board: 2 }, { pinned: true, points: -1 });
    await deleteWhere(own, Note, { board: 3, author: null });
    await deleteWhere(own, Note, { board: board.id });
    await own.nativeDelete(Board, { id: board.id });
  }

  it('its column, triggers and counts come one after the other, and it is then as if it had always been there', async () => {
    expect(await states()).toEqual(added('absent'));
    const report = await migration().run();
    expect(report).toMatchObject({ checked: 5, drifted: 4, repaired: 4 });
    expect(await states()).toEqual(added('rolling'));
    expect(await nextOrm.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    await checkStrategy(nextOrm.em);
    await checkStrategy(formerOrm.em);
    for (const [model, orm] of [
      [former, formerOrm],
      [next, nextOrm],
    ] as const) {
      await writeAs(model, orm);
      await expectExact();
    }
    await run('insert into note (board_id, author_id, pinned) values (1, 1, true)');
    await run('update board set note_count = note_count + 1 where id = 1');
    await expectExact();
    expect(await migration().finish()).toMatchObject({ checked: 5, drifted: 0 });
    expect(await states()).toEqual(added('live'));
    await writeAs(next, nextOrm);
    await expectExact();
    await migration().undo();
    expect(await states()).toEqual(added('absent'));
    await writeAs(former, formerOrm);
    expect(await drift('note_count', 'count(*)')).toEqual([0, 0, 0]);
  });

  it('a migration of MikroORM adds its column and triggers by their SQL, and removes them again', async () => {
    class Added extends Migration {
      override name = 'added';
      override async up(): Promise<void> {
        for (const sql of await counterMigration(this.getEntityManager(), addedCounters).up()) this.addSql(sql);
      }

      override async down(): Promise<void> {
        for (const sql of await counterMigration(this.getEntityManager(), addedCounters).down()) this.addSql(sql);
      }
    }
    const orm = await open(schema.url, next, 'hooks', {
      extensions: [Migrator],
      migrations: { migrationsList: [Added], snapshot: false, tableName: 'of_this_test', silent: true },
    });
    onTestFinished(async () => {
      await orm.close(true);
      await run('drop table of_this_test');
    });
    const { migrator } = orm as unknown as { migrator: Migrator };
    await migrator.up();
    expect(await states()).toEqual(added('filling'));
    expect(await migration().up()).toEqual([]);
    await writeAs(former, formerOrm);
    await migration().run();
    await expectExact();
    await migrator.down();
    expect(await states()).toEqual(added('absent'));
    expect(await migration().down()).toEqual([]);
  });

  it('servers of both releases write while its rows are not counted, and none is refused', async () => {
    for (const sql of await migration().up()) await run(sql);
    await writeAs(former, formerOrm);
    await writeAs(next, nextOrm);
    await deleteWhere(nextOrm.em.fork(), next.Note, {});
    await run('insert into note (board_id, author_id, pinned) values (1, 1, true)');
    await expect(checkStrategy(nextOrm.em)).rejects.toMatchObject({
      code: 'COUNTER_STRATEGY',
      message: expect.stringContaining('its rows are not all counted yet'),
    });
    await expect(migration().finish()).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
    await recountAll(formerOrm.em);
    await migration().run();
    await expectExact();
  });

  it('once its rows are counted, a write that would make it negative is refused as ever', async () => {
    await migration().run();
    await run('update board set pinned_count = 0');
    for (const [model, orm] of [
      [former, formerOrm],
      [next, nextOrm],
    ] as const) {
      const own = orm.em.fork();
      own.remove(await own.findOneOrFail(model.Note, 1));
      // SQLite has no unsigned columns, so that its triggers refuse nothing without a CHECK.
      if (kind === 'sqlite') continue;
      await expect(own.flush()).rejects.toThrow();
    }
    expect((await recountAll(nextOrm.em)).drifted).toBe(2);
  });

  it('with some of its triggers missing, no server of the next release starts, and another run counts what was lost', async () => {
    await migration().run();
    const { triggers } = (await counterStates(nextOrm.em)).find(({ counter }) => counter === 'Board.pinnedCount')!;
    await dropTrigger(triggers.find(name => name.endsWith('after_insert'))!);
    const own = formerOrm.em.fork();
    own.create(former.Note, { board: 3, pinned: true } as never);
    await own.flush();
    expect(await states()).toMatchObject({ 'Board.pinnedCount': 'incomplete', 'Author.noteCount': 'rolling' });
    await expect(checkStrategy(nextOrm.em)).rejects.toMatchObject({
      code: 'COUNTER_STRATEGY',
      message: expect.stringMatching(
        /Board\.pinnedCount .* its triggers are not all there.*\.run\(\) to its end.*\.undo\(\)/s,
      ),
    });
    expect(await migration().run()).toMatchObject({ drifted: 1 });
    await expectExact();
    await checkStrategy(nextOrm.em);
  });

  it('beside triggers that count for all programs it has its own until all servers know it', async () => {
    await installTriggers(formerTriggers.em);
    await migration(nextTriggers).run();
    await checkStrategy(formerTriggers.em);
    await checkStrategy(nextTriggers.em);
    for (const [model, orm] of [
      [former, formerTriggers],
      [next, nextTriggers],
      [former, formerOrm],
      [next, nextOrm],
    ] as const) {
      await writeAs(model, orm);
      await expectExact();
    }
    // Neither takes the counter from its own triggers.
    await installTriggers(nextTriggers.em);
    expect(await states(nextTriggers)).toEqual(added('rolling'));
    await migration(nextTriggers).finish();
    expect(await triggerStatus(nextTriggers.em)).toMatchObject({
      missing: [],
      different: [],
      superfluous: [],
      foreign: [],
    });
    await checkStrategy(nextTriggers.em);
    await nextTriggers.em.execute('update note set pinned = not pinned');
    await writeAs(next, nextTriggers);
    await expectExact();
  });

  it('a counter that is removed is kept for the servers that know it, while others write', async () => {
    await migration().run();
    await migration().finish();
    await migration().leave();
    expect(await states()).toEqual(added('leaving'));
    await checkStrategy(nextOrm.em);
    await checkStrategy(formerOrm.em);
    for (const [model, orm] of [
      [next, nextOrm],
      [former, formerOrm],
    ] as const) {
      await writeAs(model, orm);
      await expectExact();
    }
    await migration().undo();
    await writeAs(former, formerOrm);
  });

  it('a loaded target shows the counts of both, those of hooks and those of triggers', async () => {
    await migration().run();
    const own = nextOrm.em.fork();
    const [board, author] = [await own.findOneOrFail(next.Board, 1), await own.findOneOrFail(next.Author, 1)];
    own.create(next.Note, { board, author, pinned: true } as never);
    const fresh = own.create(next.Board, {});
    own.create(next.Note, { board: fresh, author, pinned: true } as never);
    await own.flush();
    expect([board, author, fresh]).toMatchObject([
      { noteCount: 4, pinnedCount: 3 },
      { noteCount: 5 },
      { noteCount: 1, pinnedCount: 1 },
    ]);
    await insertMany(own, next.Note, [{ board: 1, author: 1, pinned: true }] as never);
    await updateWhere(own, next.Note, { board: 1 }, { pinned: false });
    expect([board, author]).toMatchObject([{ noteCount: 5, pinnedCount: 0 }, { noteCount: 6 }]);
    expect(own.getUnitOfWork().getChangeSets()).toEqual([]);
    await own.flush();
    await deleteWhere(own, next.Note, { board: fresh.id });
    await expectExactOf(own);
  });

  async function expectExactOf(em: SqlEntityManager): Promise<void> {
    const report = await recountAll(em, { dryRun: true });
    expect(report.changes).toEqual([]);
  }

  it.each([
    ['a name that is no counter', () => counterMigration(nextOrm.em, 'Board.nothing').run(), 'COUNTER_DECLARATION'],
    ['no name', () => counterMigration(nextOrm.em, []).up(), 'COUNTER_DECLARATION'],
    [
      'a call inside a transaction',
      () => nextOrm.em.fork().transactional(em => counterMigration(em, addedCounters).run()),
      'COUNTER_TRANSACTION',
    ],
    ['an end before its beginning', () => migration().finish(), 'COUNTER_STRATEGY'],
  ])('%s is refused', async (_, work, code) => {
    await expect(work()).rejects.toMatchObject({ code });
    expect(await states()).toEqual(added('absent'));
  });
});

describeOnEngineDatabases(
  'what a session of a server says about its counters',
  kind => {
    let opened: Awaited<ReturnType<typeof freshSchema>>;
    let orm: Database;
    beforeAll(async () => {
      opened = await freshSchema(kind, former, 'hooks');
      orm = await open(opened.url, next, 'triggers');
      await orm.em.execute('insert into board (id) values (1)');
    });
    afterAll(async () => {
      await orm.close(true);
      await opened.drop();
    });

    const isPostgresql = kind === 'postgresql';
    const set = (name: string, value: string): string =>
      isPostgresql ? `set counters.${name} = '${value}'` : `set @counters_${name} = '${value}'`;

    it.each([
      ['nothing', ['kept_by_hooks', ''], undefined, { rolling: 1, leaving: 1 }],
      [
        'as releases before this one do, that its hooks count',
        ['kept_by_hooks', '1'],
        undefined,
        { rolling: 1, leaving: 0 },
      ],
      [
        'which counters its hooks keep, and not this one',
        ['kept_by_hooks', '1'],
        ',board.note_count',
        { rolling: 1, leaving: 1 },
      ],
      ['no counters', ['kept_by_hooks', '1'], ',', { rolling: 1, leaving: 1 }],
      ['this counter', ['kept_by_hooks', '1'], ',board.note_count,board.pinned_count', { rolling: 0, leaving: 0 }],
    ])('triggers count accordingly for a session that says %s', async (_says, [name, value], list, counted) => {
      const migration = counterMigration(orm.em, 'Board.pinnedCount');
      await migration.run();
      for (const state of ['rolling', 'leaving'] as const) {
        if (state === 'leaving') await migration.leave();
        await orm.em.execute('update board set pinned_count = 0');
        await orm.em.fork().transactional(async em => {
          await em.execute(set(name!, value!));
          await em.execute(set('kept_by_hooks_list', list ?? ''));
          await em.execute('insert into note (board_id, pinned) values (1, true)');
          await em.execute(set('kept_by_hooks', ''));
          await em.execute(set('kept_by_hooks_list', ''));
        });
        const [row] = await orm.em.execute<{ n: number }[]>('select pinned_count as n from board');
        expect(Number(row!.n), state).toBe(counted[state]);
      }
    });
  },
  engineServerKinds,
);

describeOnMySql('a counter of rows in their own table', kind => {
  it('a counter of rows in their own table cannot be added beside writers that do not know it: COUNTER_STRATEGY', async () => {
    const { database, drop } = await freshSchema(kind, tree, 'hooks');
    onTestFinished(drop);
    const [name] = (await counterStates(database.em)).map(({ counter }) => counter);
    await expect(counterMigration(database.em, name!).run()).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
  });
});
