import { randomUUID } from 'node:crypto';
import { IsolationLevel } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import {
  checkStrategy,
  insertMany,
  installTriggers,
  removeTriggers,
  triggerStatus,
  verify,
  type CounterStrategy,
} from 'mikro-orm-counters';
import type { Database } from '../../src/database/database.js';
import type { Options } from '../../src/database/orm-options.js';
import {
  addBook,
  addShelves,
  Book,
  expectExactLibrary,
  library,
  Shelf,
  shelfCount,
} from '../counters/models/library.js';
import { expectExactTree, tree } from '../counters/models/tree.js';
import { describeOnEngineDatabases } from '../support/databases.js';
import { freshSchema, schemaOptions, useSchema } from '../support/schema.js';

const only = ['postgresql'] as const;

describeOnEngineDatabases(
  'raw SQL with triggers on statements',
  kind => {
    const schema = useSchema(kind, library, 'triggers');

    /** Runs a statement and returns how often it has changed a row of the targets' table. */
    async function updatesOf(sql: string, parameters: readonly unknown[] = []): Promise<number> {
      return schema.em().transactional(async em => {
        const updates = async (): Promise<number> => {
          const [row] = await em.execute<{ n: string }[]>(
            "select pg_stat_get_xact_tuples_updated('shelf'::regclass) as n",
          );
          return Number(row!.n);
        };
        // It counts those of earlier transactions too that the session has not reported yet.
        const before = await updates();
        await em.execute(sql, [...parameters], 'run');
        return (await updates()) - before;
      });
    }

    it('a statement that inserts, changes, moves or deletes many rows changes each of their targets once', async () => {
      const [one, two, three] = await addShelves(schema, 3);
      expect(
        await updatesOf(
          "insert into book (title, shelf_id, genre, lent) select 'Many', (array[?::int, ?::int, null])[1 + i % 3], case i % 2 when 0 then 'novel' end, i % 5 = 0 from generate_series(1, 300) i",
          [one, two],
        ),
      ).toBe(2);
      await expectExactLibrary(schema);
      expect(await shelfCount(schema, one!)).toBe(100);
      expect(await updatesOf('update book set lent = not lent where shelf_id = ?', [one])).toBe(1);
      await expectExactLibrary(schema);
      expect(await updatesOf('update book set shelf_id = ?, genre = null where shelf_id = ?', [three, one])).toBe(2);
      await expectExactLibrary(schema);
      expect(await updatesOf("update book set title = 'Renamed'")).toBe(0);
      expect(
        await updatesOf(
          'update book set shelf_id = case shelf_id when ? then ? else ? end where shelf_id is not null',
          [two, three, two],
        ),
      ).toBe(2);
      await expectExactLibrary(schema);
      expect(await updatesOf('delete from book')).toBe(2);
      await expectExactLibrary(schema);
      expect(await shelfCount(schema, three!)).toBe(0);
    });

    it.each([
      [
        'INSERT … ON CONFLICT DO UPDATE',
        "insert into book (id, title, shelf_id, lent) values (1, 'Again', :two, true), (9, 'New', :one, true) on conflict (id) do update set shelf_id = excluded.shelf_id, lent = excluded.lent",
      ],
      [
        'INSERT … ON CONFLICT DO NOTHING',
        "insert into book (id, title, shelf_id) values (1, 'Again', :two), (9, 'New', :two) on conflict do nothing",
      ],
      [
        'MERGE',
        "merge into book b using (values (1), (2), (9)) as s (id) on b.id = s.id when matched and b.id = 1 then delete when matched then update set shelf_id = :two when not matched then insert (id, title, shelf_id) values (s.id, 'Merged', :two)",
      ],
      [
        'a query that writes in its WITH clause',
        'with gone as (delete from book where id = 1 returning title), moved as (update book set shelf_id = :two where id = 2 returning id) insert into book (title, shelf_id) select title, :two from gone',
      ],
      ['UPDATE … FROM', 'update book b set shelf_id = s.id from shelf s where s.id = :two and b.id < 3'],
      ['DELETE … USING', 'delete from book b using shelf s where b.shelf_id = s.id and s.id = :one'],
      ['COPY', 'copy book (title, shelf_id, lent) from program \'printf "A\\t:one\\tt\\nB\\t:two\\tf\\n"\''],
      ['TRUNCATE', 'truncate book'],
    ])('triggers count what %s writes', async (_, sql) => {
      const [one, two] = await addShelves(schema, 2);
      for (const id of [1, 2, 3])
        await schema.write("insert into book (id, title, shelf_id, lent) values (?, 'Old', ?, ?)", [id, one, id === 1]);
      await expectExactLibrary(schema);
      await schema.write(sql.replaceAll(':one', String(one)).replaceAll(':two', String(two)));
      await expectExactLibrary(schema);
    });

    it('triggers count rows that a cascade of the database removes', async () => {
      const [one, two] = await addShelves(schema, 2);
      await schema.write('create table room (id int primary key)');
      await schema.write('alter table book add column room_id int references room (id) on delete cascade');
      onTestFinished(() => schema.write('alter table book drop column room_id; drop table room'));
      await schema.write('insert into room (id) values (1), (2)');
      for (const room of [1, 1, 2])
        for (const shelf of [one, two])
          await schema.write("insert into book (title, shelf_id, room_id) values ('Here', ?, ?)", [shelf, room]);
      await schema.write('delete from room where id = 1');
      expect([await shelfCount(schema, one!), await shelfCount(schema, two!)]).toEqual([1, 1]);
      await expectExactLibrary(schema);
    });

    it('triggers forget what a savepoint takes back', async () => {
      const [shelf] = await addShelves(schema, 1);
      await schema.em().transactional(async em => {
        await em.execute("insert into book (title, shelf_id) values ('Kept', ?)", [shelf], 'run');
        await em
          .transactional(async inner => {
            await inner.execute('truncate book', [], 'run');
            throw new Error('changed my mind');
          })
          .catch(() => undefined);
      });
      expect(await shelfCount(schema, shelf!)).toBe(1);
      await expectExactLibrary(schema);
    });

    it('triggers change the tables that they were installed for, whatever the search path of a session is', async () => {
      const [shelf] = await addShelves(schema, 1);
      await schema.em().transactional(async em => {
        await em.execute('create schema other');
        await em.execute('create table other.shelf (like public.shelf)');
        await em.execute('set local search_path = other');
        await em.execute("insert into public.book (title, shelf_id) values ('Far', ?)", [shelf], 'run');
      });
      await schema.write('drop schema other cascade');
      expect(await shelfCount(schema, shelf!)).toBe(1);
    });

    it('a count that another program made too low is not taken below 0: COUNTER_UNDERFLOW, with the name of the counter', async () => {
      const [shelf] = await addShelves(schema, 1);
      const id = await addBook(schema, shelf!, { lent: true });
      await schema.write('update shelf set lent_count = 0');
      await expect(schema.em().nativeDelete(Book, { id })).rejects.toMatchObject({
        code: 'COUNTER_UNDERFLOW',
        message: expect.stringContaining('Shelf.lentCount'),
      });
      await expect(schema.write('delete from book')).rejects.toMatchObject({ code: '23514', column: 'lent_count' });
      expect(await schema.rows('select id from book')).toEqual([{ id }]);
      // A count that is below 0 already may still rise.
      await schema.write('update shelf set lent_count = -5');
      await schema.write("insert into book (title, shelf_id, lent) values ('Lent', ?, true)", [shelf]);
    });
  },
  only,
);

describeOnEngineDatabases(
  'the triggers of PostgreSQL',
  kind => {
    const schema = useSchema(kind, library, 'triggers');
    const run = (sql: string): Promise<void> => schema.write(sql);

    afterEach(async () => {
      for (const { name } of await schema.rows<{ name: string }>(
        'select tgname as name from pg_trigger where not tgisinternal',
      ))
        await run(`drop trigger ${name} on book`);
      await installTriggers(schema.database.em);
    });

    const inserting = 'counters_book_shelf_id_after_insert';
    const definition = async (): Promise<string> => {
      const [row] = await schema.rows<{ d: string }>(
        `select pg_get_triggerdef(oid) as d from pg_trigger where tgname = '${inserting}'`,
      );
      return row!.d;
    };

    it('there is one trigger for each kind of statement, and installing a second time changes nothing', async () => {
      const names = ['after_delete', 'after_insert', 'after_truncate', 'after_update'].map(
        event => `counters_book_shelf_id_${event}`,
      );
      const { present, ...others } = await triggerStatus(schema.database.em);
      expect(present.toSorted()).toEqual(names);
      expect(others).toEqual({ guarded: false, missing: [], different: [], superfluous: [], foreign: [] });
      expect(await installTriggers(schema.database.em)).toEqual({ created: [], dropped: [] });
      expect((await removeTriggers(schema.database.em)).toSorted()).toEqual(names);
      expect(await schema.rows("select proname from pg_proc where proname like 'counters%'")).toEqual([]);
    });

    it.each([
      ['is disabled', async () => run(`alter table book disable trigger ${inserting}`)],
      [
        'has a condition',
        async () => {
          const changed = (await definition()).replace(' EXECUTE', ' WHEN (1 = 2) EXECUTE');
          await run(`drop trigger ${inserting} on book`);
          await run(changed);
        },
      ],
      [
        'fires at another event',
        async () => {
          const changed = (await definition())
            .replace('AFTER INSERT', 'AFTER DELETE')
            .replace('NEW TABLE', 'OLD TABLE');
          await run(`drop trigger ${inserting} on book`);
          await run(changed);
        },
      ],
      [
        'does something else',
        async () => {
          const [row] = await schema.rows<{ d: string }>(
            `select pg_get_functiondef(oid) as d from pg_proc where proname = '${inserting}'`,
          );
          await run(row!.d.replace('end if; return null;', 'perform 1; end if; return null;'));
        },
      ],
    ])('a trigger that %s is found, refused, and replaced', async (_, change) => {
      await change();
      const { em } = schema.database;
      expect(await triggerStatus(em)).toMatchObject({ missing: [], different: [inserting], foreign: [] });
      await expect(checkStrategy(em)).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
      expect(await installTriggers(em)).toEqual({ created: [inserting], dropped: [] });
      await checkStrategy(em);
    });

    it('a trigger of a counter that is no longer declared is dropped with its function, and one that somebody else made is left', async () => {
      const { em } = schema.database;
      const superfluous = 'counters_book_room_id_after_delete';
      await run(
        `create function ${superfluous}() returns trigger language plpgsql as $$ begin if current_setting('counters.kept_by_hooks', true) = '1' then return null; end if; return null; end $$`,
      );
      await run(`create trigger ${superfluous} after delete on book execute function ${superfluous}()`);
      expect(await installTriggers(em)).toEqual({ created: [], dropped: [superfluous] });
      expect(await schema.rows(`select proname from pg_proc where proname = '${superfluous}'`)).toEqual([]);
      await run('create function theirs() returns trigger language plpgsql as $$ begin return null; end $$');
      await run(`create trigger ${superfluous} after delete on book execute function theirs()`);
      await expect(installTriggers(em)).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
      expect(await triggerStatus(em)).toMatchObject({ foreign: [superfluous] });
    });

    it('the schema with triggers is still the one that the entities define', async () => {
      expect(await schema.database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    });

    it('a writer that leaves the counting to triggers is refused where they were removed after its snapshot', async () => {
      const [shelf] = await addShelves(schema, 1);
      const work = schema.em().transactional(
        async em => {
          await em.execute('select 1');
          await removeTriggers(schema.em());
          em.create(Book, { title: 'Uncounted', shelf: shelf! });
        },
        { isolationLevel: IsolationLevel.REPEATABLE_READ },
      );
      await expect(work).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
      expect(await schema.rows('select id from book')).toEqual([]);
    });

    it('a user who may not change triggers is told who may, and nothing is changed', async () => {
      await removeTriggers(schema.database.em);
      const user = `u${randomUUID().replaceAll('-', '')}`;
      await run(`create role ${user} login`);
      await run(`grant select, insert, update, delete on shelf, book to ${user}`);
      const url = new URL(schema.url);
      url.username = user;
      const limited = await opened(url.href, 'triggers');
      try {
        await expect(installTriggers(limited.em)).rejects.toMatchObject({
          code: 'COUNTER_STRATEGY',
          message: expect.stringContaining('Do it as the owner of the tables'),
        });
      } finally {
        await limited.close(true);
        await run(`drop owned by ${user}`);
        await run(`drop role ${user}`);
      }
      expect((await triggerStatus(schema.database.em)).present).toEqual([]);
    });
  },
  only,
);

describeOnEngineDatabases(
  'a table that counts its own rows, with triggers on statements',
  kind => {
    const schema = useSchema(kind, tree, 'triggers');

    it('triggers count the rows of their own table', async () => {
      await schema.write(
        "insert into category (id, name, parent_id, hidden) values (1, 'a', null, false), (2, 'b', 1, true), (3, 'c', 1, false), (4, 'd', 3, true)",
      );
      await expectExactTree(schema);
      await schema.write('update category set parent_id = 2, hidden = not hidden where id in (3, 4)');
      await expectExactTree(schema);
      await schema.write('delete from category where id in (2, 3, 4)');
      await expectExactTree(schema);
      await schema.write('truncate category');
    });
  },
  only,
);

describeOnEngineDatabases(
  'hooks and triggers on one database',
  kind => {
    async function both(options: Options = {}) {
      const { database: hooks, url, drop } = await freshSchema(kind, { ...library, options }, 'hooks');
      const triggers = await opened(url, 'triggers');
      onTestFinished(async () => {
        await triggers.close(true);
        await drop();
      });
      return { hooks, triggers, url };
    }

    /** Adds and moves books, and returns how many remain. */
    async function writeBooks(database: Database, shelves: readonly number[], times: number): Promise<void> {
      for (let time = 0; time < times; time += 1) {
        const em = database.em.fork();
        const books = shelves.map(shelf => em.create(Book, { title: `Book ${time}`, shelf }));
        await em.flush();
        em.assign(books[0]!, { shelf: shelves.at(-1)!, lent: true });
        em.remove(books[1]!);
        await em.flush();
        await insertMany(database.em.fork(), Book, [{ title: 'Many', shelf: shelves[time % shelves.length]! }]);
      }
    }

    async function expectNoDrift({ em }: Database): Promise<void> {
      const chunks = await Array.fromAsync(verify(em.fork(), Shelf));
      expect(chunks.flatMap(({ checked, drifts }) => [checked, drifts])).toEqual([3, []]);
    }

    async function addThreeShelves({ em }: Database): Promise<number[]> {
      const own = em.fork();
      const shelves = [1, 2, 3].map(name => own.create(Shelf, { name: `Shelf ${name}` }));
      await own.flush();
      return shelves.map(({ id }) => id);
    }

    it.each([
      ['by default', {}],
      [
        'where MikroORM resets the settings of each connection that it takes',
        { sessionContext: 'connection' as const },
      ],
    ])(
      'the hooks of one process and the triggers that another one uses count no row twice (%s)',
      async (_, options) => {
        const { hooks, triggers } = await both(options);
        const shelves = await addThreeShelves(hooks);
        await writeBooks(hooks, shelves, 2);
        await installTriggers(triggers.em);
        await Promise.all([hooks, hooks, triggers, triggers].map(database => writeBooks(database, shelves, 5)));
        await expectNoDrift(hooks);
      },
    );

    it('triggers can be installed and removed while hooks count', async () => {
      const { hooks } = await both();
      const shelves = await addThreeShelves(hooks);
      const writing = Promise.all([1, 2, 3].map(() => writeBooks(hooks, shelves, 15)));
      for (let time = 0; time < 5; time += 1) {
        await installTriggers(hooks.em);
        await removeTriggers(hooks.em);
      }
      await writing;
      await expectNoDrift(hooks);
    });

    it('a session that says that hooks count is refused to a process that leaves the counting to triggers', async () => {
      const { hooks, url } = await both();
      await installTriggers(hooks.em);
      const [shelf] = await addThreeShelves(hooks);
      const lent = await opened(url, 'triggers', {
        onCreateConnection: async connection =>
          void (await (connection as DatabaseConnection).executeQuery(
            CompiledQuery.raw("set counters.kept_by_hooks = '1'"),
          )),
      });
      const work = insertMany(lent.em.fork(), Book, [{ title: 'Uncounted', shelf: shelf! }]);
      await expect(work).rejects.toMatchObject({ code: 'COUNTER_STRATEGY' });
      await lent.close(true);
      expect(await hooks.em.fork().count(Book)).toBe(0);
    });
  },
  only,
);

async function opened(url: string, strategy: CounterStrategy, options: Options = {}): Promise<Database> {
  const all = await schemaOptions(url, { ...library, options }, strategy);
  return MikroORM.init(all as never);
}
