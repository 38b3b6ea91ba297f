import { IsolationLevel } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { deleteWhere, insertMany, recount, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases, engineServerKinds, strategy } from '../../support/databases.js';
import { pick, writeAtOnce, type RandomChange } from '../../support/random-writers.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { addForum, Board, expectExactForum, forum, Post, Thread, type Ids } from '../models/forum.js';

const WRITERS = 6;
const CHANGES_OF_EACH = 10;

/** The codes of what a writer repeats: a row that has moved, and what the databases say of deadlocks and old snapshots. */
const REPEATABLE = ['COUNTER_CONFLICT', '40001', '40P01', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD'];

type Change = RandomChange<Ids>;

/** The changes whose rows are known by their keys. */
const changesByKeys: readonly Change[] = [
  async (em, { threads }, below) => {
    for (let index = below(3); index >= 0; index -= 1)
      em.create(Post, { thread: pick(threads, below), approved: below(2) === 1, points: '0.10' });
    await em.flush();
  },
  async (em, { threads, boards }, below) => {
    for (const id of new Set([pick(threads, below), pick(threads, below)]))
      em.assign(await em.findOneOrFail(Thread, id), { board: pick(boards, below) });
    em.create(Post, { thread: pick(threads, below) });
    await em.flush();
  },
  async (em, { threads }, below) => {
    const posts = await em.find(Post, {}, { limit: 20, orderBy: { id: 'asc' } });
    const post = posts[below(posts.length || 1)];
    if (post) em.assign(post, { thread: pick(threads, below), approved: !post.approved });
    await em.flush();
  },
  async (em, { threads, boards }, below) =>
    updateWhere(em, Thread, { id: [pick(threads, below), pick(threads, below)] }, { board: pick(boards, below) }),
  async (em, { threads }, below) =>
    insertMany(em, Post, [{ thread: pick(threads, below) }, { thread: pick(threads, below), approved: true }]),
  async (em, _, below) => {
    const posts = await em.find(Post, {}, { limit: 20, orderBy: { id: 'asc' } });
    await deleteWhere(em, Post, { id: posts.slice(0, 1 + below(3)).map(({ id }) => id) });
  },
  async (em, { threads, boards }, below) =>
    below(2) === 0 ? recount(em, Board, [pick(boards, below)]) : recount(em, Thread, [pick(threads, below)]),
];

/** All of these, and one whose rows an index finds. */
const changes: readonly Change[] = [
  ...changesByKeys,
  async (em, { threads }, below) => deleteWhere(em, Post, { thread: pick(threads, below), approved: below(2) === 1 }),
];

/**
 * Adds threads and posts that nobody changes: MySQL and MariaDB read a small table as a whole to delete or change some rows
 * by their keys, and wait for those that others have locked.
 */
async function fill(schema: Schema): Promise<void> {
  const em = schema.em();
  const board = em.create(Board, {});
  const threads = Array.from({ length: 300 }, () => em.create(Thread, { board }));
  await em.flush();
  await insertMany(
    em,
    Post,
    Array.from({ length: 2000 }, (_, index) => ({ thread: threads[index % threads.length]!.id })),
  );
  for (const table of ['thread', 'post'])
    await schema.rows(`analyze ${schema.kind === 'postgresql' ? '' : 'table '}${table}`);
}

describeOnEngineDatabases(
  'threads that move while posts are added',
  kind => {
    const schema = useSchema(kind, forum);

    const write = async (some: readonly Change[], isolationLevel: IsolationLevel): Promise<readonly string[]> => {
      const ids = await addForum(schema);
      await fill(schema);
      const repeated = await writeAtOnce(schema, ids, some, {
        writers: WRITERS,
        changesOfEach: CHANGES_OF_EACH,
        isolationLevel,
        repeatable: REPEATABLE,
      });
      await expectExactForum(schema);
      return repeated;
    };

    it.each([IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ])(
      'writers on several connections keep every level exact (%s)',
      async isolationLevel => {
        await write(changes, isolationLevel);
      },
    );

    // Triggers lock a row's targets when the row is written. And a row that an index finds is locked after its entry
    // there, while an UPDATE by the key locks the row first: MySQL and MariaDB end one of the two.
    if (strategy === 'hooks')
      it('writers who know the keys of their rows lock everything in one order', async () => {
        const repeated = await write(changesByKeys, IsolationLevel.READ_COMMITTED);
        expect(repeated.filter(code => code !== 'COUNTER_CONFLICT')).toEqual([]);
      });
  },
  engineServerKinds,
);
