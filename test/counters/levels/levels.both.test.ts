import { raw } from '@mikro-orm/core';
import { describe, expect, it } from 'vitest';
import {
  adjust,
  deleteWhere,
  insertMany,
  lockTargets,
  recount,
  recountAll,
  updateWhere,
  verify,
} from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addForum, Area, Board, expectExactForum, forum, Post, Thread } from '../models/forum.js';

describeOnEngineDatabases('counts through several relations', kind => {
  const schema = useSchema(kind, forum);

  it('posts that are created, changed, moved and removed are counted at every level', async () => {
    const { threads, boards, areas } = await addForum(schema);
    await expectExactForum(schema);
    const em = schema.em();
    const [board, area] = [await em.findOneOrFail(Board, boards[0]!), await em.findOneOrFail(Area, areas[0]!)];
    expect([board.threadCount, board.postCount, board.approvedCount, Number(board.points)]).toEqual([2, 4, 2, 0.5]);
    expect(area.postCount).toBe(4);
    const post = em.create(Post, { thread: threads[0]!, approved: true, points: '1.10' });
    await em.flush();
    expect([board.postCount, Number(board.points), area.postCount]).toEqual([5, 1.6, 5]);
    await expectExactForum(schema);
    post.points = '-2.00';
    await em.flush();
    post.approved = false;
    await em.flush();
    await expectExactForum(schema);
    for (const thread of [threads[1]!, threads[2]!, threads[3]!, null, threads[0]!]) {
      post.thread = thread === null ? null : em.getReference(Thread, thread, { wrapped: true });
      await em.flush();
      await expectExactForum(schema);
    }
    em.remove(post);
    await em.flush();
    await expectExactForum(schema);
    expect([board.postCount, area.postCount]).toEqual([4, 4]);
  });

  it('a thread that moves, and a board that moves, take their counts along', async () => {
    const { threads, boards, areas } = await addForum(schema);
    const em = schema.em();
    const [from, to] = [await em.findOneOrFail(Board, boards[0]!), await em.findOneOrFail(Board, boards[1]!)];
    const thread = await em.findOneOrFail(Thread, threads[0]!);
    thread.board = em.getReference(Board, to.id, { wrapped: true });
    await em.flush();
    expect([from.postCount, to.postCount, from.threadCount, to.threadCount]).toEqual([2, 4, 1, 2]);
    await expectExactForum(schema);
    thread.board = null;
    await em.flush();
    await expectExactForum(schema);
    from.area = em.getReference(Area, areas[1]!, { wrapped: true });
    await em.flush();
    await expectExactForum(schema);
    thread.board = em.getReference(Board, from.id, { wrapped: true });
    await em.flush();
    expect((await schema.em().findOneOrFail(Area, areas[1]!)).postCount).toBe(6);
    await expectExactForum(schema);
  });

  it('a thread carries the count that the database has, and not the one in memory', async () => {
    const { threads, boards } = await addForum(schema);
    const stale = schema.em();
    const thread = await stale.findOneOrFail(Thread, threads[0]!);
    const other = schema.em();
    other.create(Post, { thread: threads[0]!, approved: true });
    (await other.findOneOrFail(Thread, threads[0]!)).board = other.getReference(Board, boards[2]!, { wrapped: true });
    await other.flush();
    thread.board = stale.getReference(Board, boards[1]!, { wrapped: true });
    await stale.flush();
    await expectExactForum(schema);
    expect((await schema.em().findOneOrFail(Board, boards[1]!)).postCount).toBe(5);
  });

  it('one flush may change posts, their threads and their boards at once', async () => {
    const { threads, boards, areas } = await addForum(schema);
    const em = schema.em();
    const all = await em.find(Thread, {}, { orderBy: { id: 'asc' } });
    const posts = await em.find(Post, {}, { orderBy: { id: 'asc' } });
    const [first, second, third] = all as [Thread, Thread, Thread];
    em.create(Post, { thread: first.id, approved: true, points: '3.50' });
    em.assign(posts[0]!, { thread: third.id });
    em.remove(posts[1]!);
    first.board = em.getReference(Board, boards[1]!, { wrapped: true });
    third.board = em.getReference(Board, boards[0]!, { wrapped: true });
    em.remove(posts[2]!);
    em.remove(posts[3]!);
    em.remove(second);
    (await em.findOneOrFail(Board, boards[1]!)).area = em.getReference(Area, areas[0]!, { wrapped: true });
    const board = em.create(Board, { area: areas[1]! });
    const thread = em.create(Thread, { board });
    em.create(Post, { thread, approved: true, points: '0.30' });
    em.create(Post, { thread });
    const another = em.create(Thread, { board: boards[0]! });
    em.create(Post, { thread: another, points: '9.00', approved: true });
    em.assign(posts[4]!, { thread: another });
    await em.flush();
    await expectExactForum(schema);
    expect([board.threadCount, board.postCount, thread.postCount, another.postCount]).toEqual([1, 2, 2, 2]);
    const fresh = schema.em();
    for (const one of [board, thread, another, first, third])
      expect(one.postCount).toBe((await fresh.findOneOrFail(one.constructor as typeof Board, one.id)).postCount);
    expect(threads).toHaveLength(4);
  });

  it('new areas, boards, threads and posts of one flush start with their counts, and show them', async () => {
    const em = schema.em();
    const area = em.create(Area, {});
    const board = em.create(Board, { area });
    const thread = em.create(Thread, { board });
    em.create(Post, { thread, approved: true, points: '2.50' });
    em.create(Post, { thread });
    await em.flush();
    await expectExactForum(schema);
    const fresh = schema.em();
    expect({ ...area }).toEqual({ ...(await fresh.findOneOrFail(Area, area.id)) });
    expect([thread.postCount, board.postCount, board.threadCount, area.postCount]).toEqual([2, 2, 1, 2]);
    thread.title = 'Another title';
    board.area = em.create(Area, {}) as never;
    em.create(Post, { thread });
    await em.flush();
    await expectExactForum(schema);
  });

  it('a transaction that is rolled back leaves every level as it was', async () => {
    const { threads, boards } = await addForum(schema);
    const em = schema.em();
    const board = await em.findOneOrFail(Board, boards[0]!);
    await em
      .transactional(async inner => {
        inner.create(Post, { thread: threads[0]! });
        await inner.flush();
        expect(board.postCount).toBe(5);
        throw new Error('undone');
      })
      .catch(() => undefined);
    expect(board.postCount).toBe(4);
    await expectExactForum(schema);
  });

  it('bulk writes of posts, threads and boards are counted at every level', async () => {
    const { threads, boards, areas } = await addForum(schema);
    const em = schema.em();
    const board = await em.findOneOrFail(Board, boards[0]!);
    await insertMany(em, Post, [
      { thread: threads[0]!, points: '1.25', approved: true },
      { thread: threads[1]! },
      { thread: threads[3]! },
    ]);
    expect(board.postCount).toBe(6);
    await expectExactForum(schema);
    await insertMany(em, Thread, [{ board: boards[0]! }, { board: null }]);
    await expectExactForum(schema);
    await updateWhere(em, Post, { approved: false }, { approved: true, points: raw('coalesce(points, 0) + 1') });
    await expectExactForum(schema);
    await updateWhere(em, Post, { thread: threads[0]! }, { thread: threads[2]! });
    await expectExactForum(schema);
    await updateWhere(em, Thread, { id: { $in: [threads[1]!, threads[2]!, threads[3]!] } }, { board: boards[2]! });
    await expectExactForum(schema);
    await updateWhere(em, Thread, { id: threads[2]! }, { board: raw(String(boards[0])) });
    await expectExactForum(schema);
    await updateWhere(em, Board, {}, { area: areas[1]! });
    await expectExactForum(schema);
    await deleteWhere(em, Post, { thread: threads[2]! });
    await deleteWhere(em, Thread, { id: [threads[0]!, threads[2]!] });
    await expectExactForum(schema);
    expect(board.threadCount).toBe(1);
    await deleteWhere(em, Post, {});
    await deleteWhere(em, Thread, {});
    await expectExactForum(schema);
  });

  it('several flushes in a transaction that has locked its targets are counted at every level', async () => {
    const { threads, boards } = await addForum(schema);
    await schema.em().transactional(async em => {
      expect(await lockTargets(em, Post, 'thread', [[threads[0]!], [threads[2]!]])).toHaveLength(2);
      em.create(Post, { thread: threads[2]! });
      await em.flush();
      (await em.findOneOrFail(Thread, threads[2]!)).board = em.getReference(Board, boards[0]!, { wrapped: true });
      await em.flush();
      em.create(Post, { thread: threads[0]! });
      em.create(Post, { thread: threads[2]! });
      await em.flush();
    });
    await expectExactForum(schema);
  });

  describe('drift', () => {
    it('the count of a board is compared with the posts, and not with what its threads store', async () => {
      const { threads, boards } = await addForum(schema);
      // The restored rows of another program, with the counts of the past.
      await schema.em().transactional(em => adjust(em, Thread, [threads[0]!], { 'Thread.postCount': 5 }));
      const [chunk] = await Array.fromAsync(verify(schema.em(), Board, { all: true, keys: [[boards[0]!]] }));
      expect(chunk!.drifts).toEqual([]);
      const [threadChunk] = await Array.fromAsync(verify(schema.em(), Thread));
      expect(threadChunk!.drifts).toMatchObject([{ counter: 'Thread.postCount', stored: 7, actual: 2 }]);
      await recountAll(schema.em());
      await expectExactForum(schema);
    });

    it('a recount of a thread changes nothing of its board, which is right, or wrong by its own rows', async () => {
      const { threads, boards, areas } = await addForum(schema);
      await schema.em().transactional(async em => {
        await adjust(em, Thread, [threads[0]!], { 'Thread.postCount': 5, 'Thread.points': '1.50' });
        await adjust(em, Board, [boards[0]!], { 'Board.approvedCount': 1 });
      });
      const em = schema.em();
      const board = await em.findOneOrFail(Board, boards[0]!);
      const changes = await em.transactional(inner => recount(inner, Thread, [threads[0]!]));
      expect(changes).toMatchObject([
        { counter: 'Thread.postCount', before: 7, after: 2 },
        { counter: 'Thread.points' },
      ]);
      const [stored] = await schema.rows('select post_count, approved_count, points from board where id = ?', [
        boards[0],
      ]);
      expect(Object.values(stored!).map(Number)).toEqual([4, 3, 0.5]);
      expect((await schema.em().findOneOrFail(Area, areas[0]!)).postCount).toBe(4);
      expect(await em.transactional(inner => recount(inner, Board, [boards[0]!]))).toMatchObject([
        { counter: 'Board.approvedCount', before: 3, after: 2 },
      ]);
      expect(board.approvedCount).toBe(2);
      await expectExactForum(schema);
    });

    it('a recount of a thread that fails leaves the triggers of its session counting', async () => {
      const { threads } = await addForum(schema);
      const em = schema.em();
      await em.begin();
      await expect(adjust(em, Thread, [threads[0]!], { 'Thread.postCount': 2 ** 60 })).rejects.toThrow();
      await em.rollback();
      await em.begin();
      await adjust(em, Thread, [threads[0]!], { 'Thread.postCount': 1 });
      await recount(em, Thread, [threads[0]!]);
      em.create(Post, { thread: threads[0]! });
      await em.commit();
      await expectExactForum(schema);
    });

    it('recountAll repairs every level', async () => {
      await addForum(schema);
      for (const table of ['thread', 'board', 'area'])
        await schema.em().transactional(async em => {
          const [row] = await em.execute<{ id: number }[]>(`select id from ${table}`);
          const entity = { thread: Thread, board: Board, area: Area }[table]!;
          await adjust(em, entity, [row!.id], { [`${entity.name}.postCount`]: 3 });
        });
      expect(await recountAll(schema.em())).toMatchObject({ drifted: 3, repaired: 3 });
      await expectExactForum(schema);
    });
  });
});
