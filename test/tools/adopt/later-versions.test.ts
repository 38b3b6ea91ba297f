import { Migration } from '@mikro-orm/migrations';
import { afterEach, expect, it } from 'vitest';
import { adopt, undoAdoption } from '../../../src/database/adoption/adopt.js';
import { JournalWriter, readJournal } from '../../../src/database/adoption/journal.js';
import { planAdoption } from '../../../src/database/adoption/plan.js';
import { dialectOf } from '../../../src/database/database.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import type { MigrationEntry } from '../../../src/migrations/migration-entry.js';
import { openedInPlace, type OpenedInPlace } from '../../support/adopted.js';
import { definitionsIn } from '../../support/catalog.js';
import { describeOnEngineDatabases, freshDatabase } from '../../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoTables, djangoUsers } from '../../support/django-tables.js';

const rows = [djangoUsers([{ id: 1 }]), djangoCourses([{ id: 1, instructor: 1 }]), djangoEnrollments([[1, 1, 1]])];

let opened: OpenedInPlace;

afterEach(() => opened.close());

const run = (sql: string): Promise<unknown> => opened.database.em.getConnection().execute(sql, [], 'run');

describeOnEngineDatabases(
  'a database that an earlier version has adopted',
  kind => {
    /** Returns everything that the database has, whatever the order in which it was added. */
    async function inventory(): Promise<unknown> {
      const tables = await findTables(opened.database);
      return [...tables.values()]
        .map(({ name, columns, indexes }) => [
          name,
          [...columns.keys()].toSorted(),
          indexes.map(index => JSON.stringify(index)).toSorted(),
        ])
        .toSorted((one, other) => String(one[0]).localeCompare(String(other[0])));
    }

    /** Leaves what a version had added that knew the first migrations only. */
    async function asOf(known: number): Promise<void> {
      const { database } = opened;
      const { adoption, schema } = dialectOf(database);
      const later = schema.migrations.slice(known);
      const gone = new Set(
        later.flatMap(({ indexes = [], tables, name }) => [...indexes, ...tables.map(table => table.name), name]),
      );
      const journal = new JournalWriter(database);
      for (const entry of (await readJournal(database.em.fork()))!.entries.toReversed()) {
        const names = entry.names.filter(name => !gone.has(name));
        if (names.length === entry.names.length) continue;
        if (entry.kind === 'baseline') {
          for (const name of later) await run(`delete from ${entry.object} where name = '${name.name}'`);
        } else for (const sql of entry.reverse) await adoption.run(database.em, sql);
        await journal.remove(entry.number);
        if (names.length === 0) continue;
        await journal.plan(entry.number, { ...entry, names });
        await journal.done(entry.number);
      }
    }

    it('a database that an earlier version has adopted gets what each later migration has added, and an undo takes all of it away', async () => {
      opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
      const { database, map } = opened;
      const before = await definitionsIn(database, kind);
      await adopt(database, { map });
      const complete = await inventory();
      const { migrations } = dialectOf(database).schema;
      // Each of them on SQLite; on servers, where a schema changes slowly, the first.
      const all = migrations.map((_, index) => index).slice(1);
      for (const known of kind === 'sqlite' ? all : [1]) {
        await asOf(known);
        const plan = await planAdoption(database, map);
        expect(plan.refusals).toEqual([]);
        expect(plan.additions.flatMap(({ names }) => names)).toContain(migrations[known]!.name);
        await adopt(database, { map });
        expect(await inventory()).toEqual(complete);
      }
      await undoAdoption(database);
      expect(await definitionsIn(database, kind)).toEqual(before);
    });
  },
  ['sqlite', 'mysql', 'postgresql'],
);

describeOnEngineDatabases(
  'a database that was adopted before a count was added',
  kind => {
    it('a database that was adopted before a count was added gets it with its default', async () => {
      opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
      const { database, map } = opened;
      await adopt(database, { map });
      const journal = new JournalWriter(database);
      const entry = (await readJournal(database.em.fork()))!.entries.find(({ names }) =>
        names.includes('rollcall_active_enrollments'),
      )!;
      const column = database.em.getPlatform().quoteIdentifier('rollcall_active_enrollments');
      await run(`alter table core_course drop column ${column}`);
      await journal.remove(entry.number);
      const left = { ...entry, names: entry.names.filter(name => name !== 'rollcall_active_enrollments') };
      if (left.names.length > 0) {
        await journal.plan(entry.number, left);
        await journal.done(entry.number);
      }
      const plan = await planAdoption(database, map);
      expect(plan.additions.map(({ kind: one, names }) => ({ kind: one, names }))).toEqual([
        { kind: 'columns', names: ['rollcall_active_enrollments'] },
      ]);
      await adopt(database, { map });
      const [row] = await database.em
        .getConnection()
        .execute<{ n: unknown }[]>('select rollcall_active_enrollments as n from core_course');
      expect(Number(row!.n)).toBe(0);
    });
  },
  ['sqlite'],
);

describeOnEngineDatabases(
  'a database that was adopted before a table of our own had all of its columns and indexes',
  kind => {
    it('a database that was adopted before our own table had all columns and indexes gets them, and an undo takes them away with the table', async () => {
      opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
      const { database, map } = opened;
      const before = await definitionsIn(database, kind);
      await adopt(database, { map });
      const runs = (await findTables(database)).get('core_recount_runs')!;
      const { adoption } = dialectOf(database);
      const quoted = (name: string): string => database.em.getPlatform().quoteIdentifier(name);
      const index = runs.indexes.find(({ columns }) => columns.join() === 'slot')!;
      await adoption.run(
        database.em,
        kind === 'postgresql'
          ? `alter table core_recount_runs drop constraint ${index.name}`
          : adoption.dropIndexes(runs.name, [index.name], quoted)[0]!,
      );
      await run(`alter table core_recount_runs drop column ${quoted('error')}`);
      const names = async (): Promise<unknown> => {
        const { columns, indexes } = (await findTables(database)).get('core_recount_runs')!;
        return [[...columns.keys()].toSorted(), indexes.map(({ name }) => name).toSorted()];
      };
      expect(
        (await planAdoption(database, map)).additions.map(({ kind: one, object, names: added }) => [
          one,
          object,
          added,
        ]),
      ).toEqual([
        ['columns', 'core_recount_runs', ['error']],
        ['indexes', 'core_recount_runs', [index.name]],
      ]);
      await adopt(database, { map });
      expect(await names()).toEqual([
        [...runs.columns.keys()].toSorted(),
        runs.indexes.map(({ name }) => name).toSorted(),
      ]);
      await undoAdoption(database);
      expect(await definitionsIn(database, kind)).toEqual(before);
    });
  },
  ['sqlite', 'mysql', 'postgresql'],
);

/** How a later migration could shorten a text of our own runs. */
const shorter: Readonly<Record<string, readonly string[]>> = {
  sqlite: [
    'alter table core_recount_runs add column shorter varchar(500)',
    'update core_recount_runs set shorter = error',
    'alter table core_recount_runs drop column error',
    'alter table core_recount_runs rename column shorter to error',
  ],
  mysql: ['alter table core_recount_runs modify error varchar(500) null'],
  mariadb: ['alter table core_recount_runs modify error varchar(500) null'],
  postgresql: ['alter table core_recount_runs alter column error type varchar(500)'],
};

describeOnEngineDatabases('a database that was adopted before a column of our own had its type', kind => {
  /** Knows one more migration while something is done. */
  async function withLaterMigration(work: () => Promise<void>): Promise<void> {
    const migrations = dialectOf(opened.database).schema.migrations as MigrationEntry[];
    migrations.push({
      name: '2099-01-01-shorter-errors',
      class: class extends Migration {
        override up(): void {
          for (const sql of shorter[kind]!) this.addSql(sql);
        }
      },
      tables: [],
      alters: ['core_recount_runs'],
      needs: () => Promise.resolve([]),
    });
    try {
      await work();
    } finally {
      migrations.pop();
    }
  }

  const typeOfError = async (): Promise<string> =>
    (await findTables(opened.database)).get('core_recount_runs')!.columns.get('error')!.type;

  it('a database that was adopted before a column of our own had its type gets the type and keeps its rows, and an undo takes the table away', async () => {
    opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
    const { database, map } = opened;
    const before = await definitionsIn(database, kind);
    await adopt(database, { map });
    const moment = "'2026-01-01 00:00:00'";
    await run(
      `insert into core_recount_runs (kind, status, started_by, owner, error, lease_expires_at, started_at, updated_at) values ('recount', 'failed', 'me', 'mine', 'lost', ${moment}, ${moment}, ${moment})`,
    );
    expect(await typeOfError()).not.toContain('500');
    await withLaterMigration(async () => {
      const { additions } = await planAdoption(database, map);
      expect(additions.map(({ kind: one, names }) => [one, names])).toEqual([
        ['alterations', ['core_recount_runs']],
        ['baseline', ['2099-01-01-shorter-errors']],
      ]);
      await adopt(database, { map });
      expect(await typeOfError()).toContain('500');
      expect(await database.em.getConnection().execute('select error from core_recount_runs')).toEqual([
        { error: 'lost' },
      ]);
      expect((await planAdoption(database, map)).additions).toEqual([]);
      await undoAdoption(database);
      expect(await definitionsIn(database, kind)).toEqual(before);
      // A database that is adopted by the later version gets it at once.
      await adopt(database, { map });
      expect(await typeOfError()).toContain('500');
      await undoAdoption(database);
    });
    expect(await definitionsIn(database, kind)).toEqual(before);
  });

  it('an adopted database has the tables of our own with the types that all migrations give them', async () => {
    opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
    const { database, map } = opened;
    await adopt(database, { map });
    const migrated = await freshDatabase(kind);
    try {
      const [adopted, ours] = [await findTables(database), await findTables(migrated.database)];
      const own = ['core_recount_runs', 'core_recount_changes'];
      const typesIn = (tables: typeof ours): unknown =>
        own.map(name =>
          [...tables.get(name)!.columns.values()]
            // Theirs may be below 0.
            .filter(column => column.name !== 'count_before')
            .map(({ name: column, type, nullable }) => [column, type, nullable])
            .toSorted(),
        );
      expect(typesIn(adopted)).toEqual(typesIn(ours));
    } finally {
      await migrated.drop();
    }
  });
});
