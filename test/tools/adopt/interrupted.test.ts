import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { adopt, undoAdoption, type OnStep } from '../../../src/database/adoption/adopt.js';
import { JournalWriter, readJournal } from '../../../src/database/adoption/journal.js';
import { planAdoption } from '../../../src/database/adoption/plan.js';
import { dialectOf, type Database } from '../../../src/database/database.js';
import { JOURNAL_TABLE } from '../../../src/map/mapped-table.js';
import { openedInPlace, type OpenedInPlace } from '../../support/adopted.js';
import { definitionsIn } from '../../support/catalog.js';
import { describeOnEngineDatabases, describeOnMySql, describeOnServers } from '../../support/databases.js';
import { DjangoApp, untilDone } from '../../support/django-app.js';
import { djangoCourses, djangoEnrollments, djangoTables, djangoUsers } from '../../support/django-tables.js';
import { plainClient } from '../../support/plain-client.js';
import { waitUntil } from '../../support/wait.js';

const dist = resolve(import.meta.dirname, '../../../dist');
const rows = [
  djangoUsers([{ id: 1 }, { id: 2 }]),
  djangoCourses([{ id: 1, instructor: 1 }]),
  djangoEnrollments([
    [1, 1, 1],
    [2, 1, 2],
  ]),
];

let opened: OpenedInPlace;

afterEach(() => opened.close());

const run = (sql: string): Promise<unknown> => opened.database.em.getConnection().execute(sql, [], 'run');

/**
 * Opens the database in place in a process that is killed, with `kill -9`, while a statement of the n-th step runs; on
 * SQLite, which runs in the process, before it.
 */
async function adoptUntilKilled(n: number): Promise<void> {
  const program = `
    import { openToAdopt } from '${dist}/database/database.js';
    import { adopt } from '${dist}/database/adoption/adopt.js';
    const database = await openToAdopt('${opened.url}');
    const onStep = ({ number }, phase) => {
      if (number === ${n} && phase === 'begins') ${opened.url.startsWith('sqlite') ? '' : 'setImmediate'}(() => process.kill(process.pid, 'SIGKILL'))${opened.url.startsWith('sqlite') ? '()' : ''};
    };
    await adopt(database, { map: ${JSON.stringify(opened.map)} }, onStep);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
}

describeOnEngineDatabases(
  'a process that opens a database in place',
  kind => {
    it('a process that opens a database in place is killed in the middle of a statement, and the next one completes its work', async () => {
      opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
      const { database, map } = opened;
      const before = await definitionsIn(database, kind);
      const { additions } = await planAdoption(database, map);
      const index = additions.findIndex(({ kind: one }) => one === 'indexes');
      await adoptUntilKilled(index + 1);
      const journal = await readJournal(database.em.fork());
      expect(journal?.entries.filter(({ isDone }) => isDone)).toHaveLength(index);
      await adopt(database, { map });
      expect((await planAdoption(database, map)).additions).toEqual([]);

      await undoAdoption(database);
      expect(await definitionsIn(database, kind)).toEqual(before);
    });
  },
  ['sqlite', 'mysql', 'postgresql'],
);

describeOnEngineDatabases(
  'an adoption',
  kind => {
    it('an adoption is completed by the next run after an interruption before or after a step, and undone after one', async () => {
      opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
      const { database, map } = opened;
      const before = await definitionsIn(database, kind);
      await adopt(database, { map });
      const complete = await definitionsIn(database, kind);
      const entries = (await readJournal(database.em.fork()))!.entries;
      await undoAdoption(database);
      const writer = new JournalWriter(database);
      const interrupting =
        (index: number, at: Parameters<OnStep>[1]): OnStep =>
        ({ number }, phase) => {
          if (number === index && phase === at) throw new Error('interrupted');
        };
      // Each kind of addition once.
      const tried = entries.filter(({ kind: one }, index) => entries.findIndex(other => other.kind === one) === index);
      for (const { number } of tried) {
        await expect(adopt(database, { map }, interrupting(number, 'begins'))).rejects.toThrow('interrupted');
        expect(await definitionsIn(database, kind)).not.toEqual(complete);
        await expect(adopt(database, { map }, interrupting(1, 'ends'))).rejects.toThrow('interrupted');
        await run(`update ${JOURNAL_TABLE} set state = 'planned' where number = ${number}`);
        await adopt(database, { map });
        expect(await definitionsIn(database, kind)).toEqual(complete);

        await expect(undoAdoption(database, interrupting(entries.length + 1 - number, 'begins'))).rejects.toThrow(
          'interrupted',
        );
        const left = (await readJournal(database.em.fork()))!.entries.at(-1)!;
        await expect(undoAdoption(database, interrupting(1, 'ends'))).rejects.toThrow('interrupted');
        // As if it had been killed before the record of the last removal.
        await writer.plan(left.number, left);
        await undoAdoption(database);
        expect(await definitionsIn(database, kind)).toEqual(before);
      }
    });
  },
  ['sqlite'],
);

describeOnServers('an application that goes on writing', kind => {
  it('an application that goes on writing gets all its writes done while its database is opened in place and that is taken back', async () => {
    const students = [3, 4, 5, 6];
    opened = await openedInPlace(kind, [...djangoTables(kind), ...rows, djangoUsers(students.map(id => ({ id })))]);
    const { database, map, url } = opened;
    // The rows have brought their keys along.
    await dialectOf(database).schema.followKeys(database, ['core_enrollments']);
    const before = await definitionsIn(database, kind);
    let isOver = false;
    const writing = students.map(async student => {
      const app = await DjangoApp.connect(url, 'django');
      while (!isOver) {
        await untilDone(() => app.create(1, student));
        await untilDone(() => app.run('update core_user set first_name = ? where id = ?', 'Mary', student));
        await untilDone(() => app.delete(1, student));
      }
      await app.end();
    });
    try {
      await adopt(database, { map });
      await undoAdoption(database);
    } finally {
      isOver = true;
      await Promise.all(writing);
    }
    expect(await definitionsIn(database, kind)).toEqual(before);
    expect(await database.em.getConnection().execute('select id from core_enrollments order by id')).toHaveLength(2);
  });
});

describeOnMySql('the undo of a database that is open in place', kind => {
  it('the undo drops all added indexes of a table by one statement, so that its writers wait once', async () => {
    opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
    const { database, map } = opened;
    const before = await definitionsIn(database, kind);
    await adopt(database, { map });
    const sent = vi.spyOn(dialectOf(database).adoption, 'run');
    try {
      await undoAdoption(database);
      const dropping = sent.mock.calls.map(([, sql]) => sql).filter(sql => sql.includes('drop index'));
      const tables = dropping.map(sql => /^alter table `(\w+)`/.exec(sql)![1]);
      expect(tables.toSorted()).toEqual(['core_course', 'core_enrollments', 'core_user']);
    } finally {
      sent.mockRestore();
    }
    expect(await definitionsIn(database, kind)).toEqual(before);
  });
});

describeOnMySql('a change of a table to which another refers', kind => {
  it('a change of a table to which another refers waits for a transaction on that one so that the server sees it, and ends the wait of both at once', async () => {
    opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
    const { database, url } = opened;
    const app = await plainClient(url);
    // A wait that the server does not see would end by these, with another error.
    await app.query('set session lock_wait_timeout = 3600, innodb_lock_wait_timeout = 3600');
    await app.query('begin');
    await app.query("update core_enrollments set status = 'completed' where id = 1");
    const change = dialectOf(database).adoption.run(database.em, 'alter table `core_course` add column later int null');
    const settled = change.then(
      () => 'done',
      (error: Error) => error.message,
    );
    try {
      const waiting = await statementThatWaits(database, settled);
      expect(waiting.replaceAll(/`|, (?:`core_|algorithm).*/g, '')).toBe(
        kind === 'mariadb' ? 'lock tables core_course write' : 'alter table core_course add column later int null',
      );
      if (kind === 'mariadb') expect(waiting).toContain('`core_enrollments` write');
      const ended = await app.query("update core_course set title = 'Optics' where id = 1").then(
        () => 'done',
        (error: { errno?: number }) => error.errno,
      );
      // ER_LOCK_DEADLOCK, and not ER_LOCK_WAIT_TIMEOUT; or, on MariaDB, the change has just given way.
      expect(kind === 'mariadb' ? [1213, 'done'] : [1213]).toContain(ended);
      await app.query('rollback');
      expect(await settled).toBe('done');
    } finally {
      await app.end();
      await settled;
    }
  });
});

/** Returns the first statement that waits for a table; fails if the change ends before. */
async function statementThatWaits(database: Database, change: Promise<string>): Promise<string> {
  let waiting: readonly { readonly info: string }[] = [];
  const isThere = async (): Promise<boolean> => {
    waiting = await database.em
      .getConnection()
      .execute(
        "select info from information_schema.processlist where db = database() and state = 'Waiting for table metadata lock'",
      );
    return waiting.length > 0;
  };
  await Promise.race([waitUntil(isThere, 'The change waits for no lock of a table.'), change]);
  return waiting[0]?.info ?? `none: ${await change}`;
}

describeOnServers(
  'a change for which a writer waits whom the server does not see',
  kind => {
    it('a change gives way to writers one of whom waits for a row of another, who waits for the change', async () => {
      opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
      const { database, url } = opened;
      const [first, second] = [await plainClient(url), await plainClient(url)];
      for (const app of [first, second]) {
        await app.query('set session lock_wait_timeout = 3600, innodb_lock_wait_timeout = 3600');
        await app.query('begin');
      }
      await first.query("update core_enrollments set status = 'completed' where id = 1");
      await second.query("update core_course set title = 'Optics' where id = 1");
      const waitingForRow = second.query("update core_enrollments set status = 'dropped' where id = 1");
      const change = dialectOf(database).adoption.run(
        database.em,
        'alter table `core_course` add column later int null',
      );
      const settled = change.then(
        () => 'done',
        (error: Error) => error.message,
      );
      try {
        expect(await statementThatWaits(database, settled)).toMatch(/^lock tables `core_course` write/);
        // The change waits for the second writer, who waits for the first, who now waits for the change.
        await first.query("update core_course set title = 'Optics' where id = 0");
        await first.query('commit');
        await waitingForRow;
        await second.query('commit');
        expect(await settled).toBe('done');
      } finally {
        await first.end();
        await second.end();
        await settled;
      }
    });
  },
  ['mariadb'],
);

describeOnMySql('the index of a foreign key', kind => {
  it('the index of a foreign key has its name again after an interruption between its two renames', async () => {
    opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
    const { database, map } = opened;
    const before = await definitionsIn(database, kind);
    const { additions } = await planAdoption(database, map);
    const number = 1 + additions.findIndex(({ kind: one }) => one === 'kept indexes');
    const interrupted = async (): Promise<void> => {
      await expect(
        adopt(database, { map }, (step, phase) => {
          if (phase === 'begins' && step.number === number) throw new Error('interrupted');
        }),
      ).rejects.toThrow('interrupted');
      await run(additions[number - 1]!.statements[0]!);
    };
    await interrupted();
    await undoAdoption(database);
    expect(await definitionsIn(database, kind)).toEqual(before);

    await interrupted();
    await adopt(database, { map });
    await undoAdoption(database);
    expect(await definitionsIn(database, kind)).toEqual(before);
  });
});

describeOnServers(
  'an index that an interrupted statement has left unusable',
  kind => {
    it('an index that an interrupted statement has left unusable is made again', async () => {
      opened = await openedInPlace(kind, [...djangoTables(kind), ...rows]);
      const { database, map } = opened;
      const before = await definitionsIn(database, kind);
      const name = 'core_enrollments_course_id_index';
      const { additions } = await planAdoption(database, map);
      const number = 1 + additions.findIndex(({ names }) => names.includes(name));
      await expect(
        adopt(database, { map }, (step, phase) => {
          if (phase === 'begins' && step.number === number) throw new Error('interrupted');
        }),
      ).rejects.toThrow('interrupted');
      // Two enrollments of one course: the server gives up, and leaves the name.
      const broken = `create unique index concurrently ${name} on core_enrollments (course_id)`;
      await expect(run(broken)).rejects.toThrow('could not create unique index');
      expect((await definitionsIn(database, kind)).filter(line => line.includes(name))).toEqual([
        expect.stringMatching(/^CREATE UNIQUE INDEX .* false$/),
      ]);
      await adopt(database, { map });
      expect((await definitionsIn(database, kind)).filter(line => line.includes(name))).toEqual([
        expect.stringMatching(/^CREATE INDEX .* true$/),
      ]);
      await undoAdoption(database);
      expect(await definitionsIn(database, kind)).toEqual(before);
    });
  },
  ['postgresql'],
);
