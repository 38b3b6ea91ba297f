import fc from 'fast-check';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { Area, Board, expectExactForum, forum, Post, Thread } from '../counters/models/forum.js';
import { describeOnEngineDatabases } from '../support/databases.js';
import { useSchema } from '../support/schema.js';
import { checkRounds, readRunOptions } from './model-check.js';

const options = readRunOptions(40);

/** A row of a table, by its place among all that there are; 9 stands for none. */
const place = fc.integer({ min: 0, max: 9 });
const hundredths = fc.oneof(fc.integer({ min: -999_99, max: 999_99 }), fc.constant(null));

const anyStep = fc.oneof(
  fc.record({
    type: fc.constant('flush' as const),
    rows: fc.array(fc.nat(99), { minLength: 1, maxLength: 5 }),
    to: fc.array(place, { minLength: 5, maxLength: 5 }),
    amount: hundredths,
  }),
  fc.record({
    type: fc.constant('insertMany' as const),
    to: fc.array(place, { minLength: 1, maxLength: 3 }),
    amount: hundredths,
  }),
  fc.record({ type: fc.constant('movePosts' as const), from: place, to: place, amount: hundredths }),
  fc.record({
    type: fc.constant('moveThreads' as const),
    ids: fc.array(place, { minLength: 1, maxLength: 3 }),
    to: place,
  }),
  fc.record({ type: fc.constant('moveBoard' as const), id: place, to: place }),
  fc.record({ type: fc.constant('removePosts' as const), from: place, approved: fc.boolean() }),
);

type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;

/** What the rows are, in memory: each post's thread, each thread's board and each board's area, by their ids. */
interface Model {
  readonly posts: Map<number, { thread: number | null; approved: boolean; amount: number }>;
  readonly threads: Map<number, number | null>;
  readonly boards: Map<number, number | null>;
}

const decimal = (amount: number | null): string | null =>
  amount === null
    ? null
    : `${amount < 0 ? '-' : ''}${Math.trunc(Math.abs(amount) / 100)}.${String(Math.abs(amount) % 100).padStart(2, '0')}`;

const at = (ids: Iterable<number>, index: number): number | null => [...ids].toSorted((a, b) => a - b)[index] ?? null;

/** Does a step in the database and in the model. */
async function perform(em: SqlEntityManager, model: Model, step: Step): Promise<void> {
  const { posts, threads, boards } = model;
  const thread = (index: number): number | null => at(threads.keys(), index);
  switch (step.type) {
    case 'flush': {
      // Some posts are changed, one each is created and removed, and some threads move or come, all in one flush.
      const [first, second, third, fourth, fifth] = step.to as [number, number, number, number, number];
      for (const row of step.rows) {
        const id = at(posts.keys(), row % Math.max(1, posts.size));
        const known = id === null ? undefined : posts.get(id)!;
        if (!known) continue;
        const post = await em.findOneOrFail(Post, id!);
        if (row % 7 === 0) {
          em.remove(post);
          posts.delete(id!);
          continue;
        }
        known.thread = thread(first);
        known.approved = row % 2 === 0;
        known.amount = step.amount ?? 0;
        em.assign(post, { thread: known.thread, approved: known.approved, points: decimal(step.amount) });
      }
      const moved = thread(second);
      if (moved !== null) {
        threads.set(moved, at(boards.keys(), third));
        em.assign(await em.findOneOrFail(Thread, moved), { board: threads.get(moved)! });
      }
      const created = em.create(Post, { thread: thread(fourth), approved: true, points: decimal(step.amount) });
      const newThread = fifth < 3 ? em.create(Thread, { board: at(boards.keys(), fifth) }) : undefined;
      const inNew = newThread && em.create(Post, { thread: newThread, approved: true, points: '0.10' });
      const made = { thread: thread(fourth), approved: true, amount: step.amount ?? 0 };
      await em.flush();
      posts.set(created.id, made);
      if (!newThread) return;
      threads.set(newThread.id, at(boards.keys(), fifth));
      posts.set(inNew!.id, { thread: newThread.id, approved: true, amount: 10 });
      return;
    }
    case 'insertMany': {
      const before = new Set((await em.find(Post, {}, { fields: ['id'] })).map(({ id }) => id));
      em.clear();
      await insertMany(
        em,
        Post,
        step.to.map(index => ({ thread: thread(index), approved: true, points: decimal(step.amount) })) as never,
      );
      for (const post of await em.find(Post, {}))
        if (!before.has(post.id))
          posts.set(post.id, { thread: post.thread?.id ?? null, approved: true, amount: step.amount ?? 0 });
      return;
    }
    case 'movePosts': {
      const [from, to] = [thread(step.from), thread(step.to)];
      await updateWhere(em, Post, { thread: from }, { thread: to, points: decimal(step.amount) });
      for (const post of posts.values())
        if (post.thread === from) Object.assign(post, { thread: to, amount: step.amount ?? 0 });
      return;
    }
    case 'moveThreads': {
      const ids = step.ids.flatMap(index => thread(index) ?? []);
      await updateWhere(em, Thread, { id: ids }, { board: at(boards.keys(), step.to) });
      for (const id of ids) threads.set(id, at(boards.keys(), step.to));
      return;
    }
    case 'moveBoard': {
      const id = at(boards.keys(), step.id);
      if (id === null) return;
      const areas = await em.find(Area, {}, { orderBy: { id: 'asc' } });
      boards.set(id, areas[step.to]?.id ?? null);
      em.assign(await em.findOneOrFail(Board, id), { area: boards.get(id)! });
      return em.flush();
    }
    case 'removePosts': {
      const from = thread(step.from);
      await deleteWhere(em, Post, { thread: from, approved: step.approved });
      for (const [id, post] of posts) if (post.thread === from && post.approved === step.approved) posts.delete(id);
      return;
    }
  }
}

/** Asserts that the stored counts and sums are those of the model. */
async function expectModel(em: SqlEntityManager, { posts, threads, boards }: Model): Promise<void> {
  const of = (isIn: (thread: number) => boolean): { count: number; points: number } => {
    const mine = [...posts.values()].filter(({ thread }) => thread !== null && isIn(thread));
    const approved = mine.filter(post => post.approved);
    return { count: mine.length, points: approved.reduce((sum, { amount }) => sum + amount, 0) };
  };
  const stored = (row: { postCount: number; points: string }) => ({
    count: row.postCount,
    points: Math.round(Number(row.points) * 100),
  });
  for (const thread of await em.find(Thread, {})) expect(stored(thread)).toEqual(of(id => id === thread.id));
  for (const board of await em.find(Board, {})) expect(stored(board)).toEqual(of(id => threads.get(id) === board.id));
  for (const area of await em.find(Area, {}))
    expect(area.postCount).toBe(of(id => boards.get(threads.get(id) ?? -1) === area.id).count);
}

const subject = 'random operations on sums through several relations';
/** How many steps are done before the tables are emptied. */
const STEPS_PER_ROUND = 200;

describeOnEngineDatabases(subject, kind => {
  const schema = useSchema(kind, forum);

  it(
    'random operations leave every level equal to the rows and to the model',
    { timeout: options.timeout },
    async () => {
      const done = await checkRounds(`${subject} on ${kind}`, options, STEPS_PER_ROUND, check);
      expect(done).toBeGreaterThanOrEqual(options.operations);
    },
  );

  async function check(seed: number, count: number): Promise<number> {
    for (const table of ['post', 'thread', 'board', 'area']) await schema.write(`delete from ${table}`);
    const [steps] = fc.sample(fc.array(anyStep, { minLength: count, maxLength: count }), { numRuns: 1, seed });
    const start = schema.em();
    const areas = [start.create(Area, {}), start.create(Area, {})];
    const boards = [areas[0]!, areas[1]!, areas[1]!].map(area => start.create(Board, { area }));
    const threads = [boards[0]!, boards[0]!, boards[1]!, null].map(board => start.create(Thread, { board }));
    await start.flush();
    const model: Model = {
      posts: new Map(),
      threads: new Map(threads.map(({ id, board }) => [id, board?.id ?? null])),
      boards: new Map(boards.map(({ id, area }) => [id, area?.id ?? null])),
    };
    for (const [index, step] of steps!.entries()) {
      try {
        await perform(schema.em(), model, step);
        await expectModel(schema.em(), model);
      } catch (error) {
        throw new Error(`${(error as Error).message}\nat step ${index}: ${JSON.stringify(step)}`, { cause: error });
      }
    }
    await expectExactForum(schema);
    return count;
  }
});
