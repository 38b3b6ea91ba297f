import type { EntityClass } from '@mikro-orm/core';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { checkStrategy, counterMigration, counterStates, recountAll, verify } from 'mikro-orm-counters';
import type { Database } from '../../../src/database/database.js';
import { MikroORM } from '@mikro-orm/sql';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { freshSchema, schemaOptions } from '../../support/schema.js';
import { letOthersWrite } from './let-others-write.js';
import { Process } from './processes.js';
import { addedCounters, modelOf, type Release } from './releases.js';
import { ROWS } from './server.js';

/** The processes of all blocks, which each of them uses again. */
const processes: Process[] = [];
afterAll(() => Promise.all(processes.map(one => one.kill())));

/** Returns the process at a place, which is a new one where the one before was killed. */
function processAt(place: number): Process {
  const known = processes[place];
  return known && !known.isOver ? known : (processes[place] = new Process());
}

describeOnEngineDatabases('a counter that is added while servers of two releases write', kind => {
  it('no write of a server of either release is lost to the new counters, although the migration is killed twice', async () => {
    const { database: former, url, drop } = await freshSchema(kind, modelOf('former'), 'hooks');
    onTestFinished(drop);
    const model = modelOf('next');
    const next = (await MikroORM.init((await schemaOptions(url, model, 'hooks')) as never)) as unknown as Database;
    onTestFinished(() => next.close(true));
    await seed(former);
    await letOthersWrite(former, kind);

    /** Compares all counts with the rows, each target in one snapshot, so that writers make no false alarm. */
    const expectExact = async (): Promise<void> => {
      for (const entity of [model.Board, model.Author] as EntityClass<object>[]) {
        const chunks = await Array.fromAsync(verify(next.em.fork(), entity));
        expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
      }
    };
    const states = async () =>
      Object.fromEntries((await counterStates(next.em)).map(({ counter, state }) => [counter, state]));
    const expected = (state: string) => ({
      'Author.noteCount': state,
      'Board.noteCount': 'live',
      'Board.pinnedCount': state,
      'Board.pointSum': state,
    });

    const [one, two, three, four, first, second] = [0, 1, 2, 3, 4, 5].map(processAt) as [
      Process,
      Process,
      Process,
      Process,
      Process,
      Process,
    ];
    const [olds, news, migrations] = [
      [one, two],
      [three, four],
      [first, second],
    ] as const;
    const open = (some: readonly Process[], release: Release): Promise<unknown> =>
      Promise.all(some.map((server, index) => server.do({ kind: 'open', url, release, seed: index + 1 })));
    /** Lets servers begin two writes each, and waits for the first: the second goes on beside what comes next. */
    const writeBeside = async (servers: readonly Process[]): Promise<void> => {
      await Promise.all(servers.map(server => server.reports('done')));
      for (const server of servers) server.send({ kind: 'write', writes: 2 });
      await Promise.all(servers.map(server => server.reports('written')));
    };
    const write = (servers: readonly Process[], writes: number): Promise<unknown> =>
      Promise.all(servers.map(server => server.do({ kind: 'write', writes })));

    await Promise.all([open(olds, 'former'), open(migrations, 'next')]);
    const writing = [...olds];
    for (const [index, migration] of migrations.entries()) {
      await writeBeside(writing);
      migration.send({ kind: 'migrate' });
      for (let filled = 1; filled <= 1 + 2 * index; filled += 1) {
        await migration.reports('filled', filled);
        await writeBeside(writing);
        migration.send({ kind: 'go' });
      }
      await migration.reports('filled', 2 + 2 * index);
      await migration.kill();
      expect(await states()).toEqual(expected('filling'));
      await expect(checkStrategy(next.em)).rejects.toMatchObject({
        code: 'COUNTER_STRATEGY',
        message: expect.stringContaining('.run() to its end'),
      });
      if (index > 0) continue;
      await open(news, 'next');
      writing.push(...news);
    }

    const migration = counterMigration(next.em, addedCounters);
    const report = await migration.run({ batchSize: 4, onProgress: () => writeBeside(writing) });
    expect(report.checked).toBe(ROWS.boards + ROWS.authors);
    await expectExact();
    await write(writing, 5);
    await expectExact();
    expect(await states()).toEqual(expected('rolling'));
    await checkStrategy(next.em);
    await writeBeside(writing);
    // Exact already, so that it changes nothing.
    expect(await migration.run()).toMatchObject({ drifted: 0 });

    await Promise.all(
      olds.map(async server => {
        await server.reports('done');
        await server.do({ kind: 'close' });
      }),
    );
    await writeBeside(news);
    expect(await migration.finish()).toMatchObject({ drifted: 0 });
    await write(news, 2);
    await Promise.all(news.map(server => server.do({ kind: 'close' })));
    await expectExact();
    expect(await states()).toEqual(expected('live'));
    await checkStrategy(next.em);
  });
});

/** Adds boards, authors and notes past the counters, and then counts them as the former release does. */
async function seed(former: Database): Promise<void> {
  const em = former.em.fork();
  const run = (sql: string): Promise<unknown> => em.execute(sql, [], 'run');
  const numbers = (amount: number): number[] => Array.from({ length: amount }, (_, index) => index + 1);
  await run(
    `insert into board (id) values ${numbers(ROWS.boards)
      .map(id => `(${id})`)
      .join()}`,
  );
  await run(
    `insert into author (id) values ${numbers(ROWS.authors)
      .map(id => `(${id})`)
      .join()}`,
  );
  const notes = numbers(120).map(
    id =>
      `(${1 + (id % ROWS.boards)}, ${id % 4 === 0 ? 'null' : 1 + (id % ROWS.authors)}, ${id % 3 === 0}, ${(id % 7) - 3})`,
  );
  await run(`insert into note (board_id, author_id, pinned, points) values ${notes.join()}`);
  await recountAll(em);
}
