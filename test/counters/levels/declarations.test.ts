import { defineEntity, p, type EntityClass } from '@mikro-orm/core';
import { MikroORM, type SqlEntityManager } from '@mikro-orm/sql';
import { describe, expect, it } from 'vitest';
import { defineCounter, insertMany, recount, registryOf, type Counter } from 'mikro-orm-counters';
import { schemaOptions, useSchema } from '../../support/schema.js';
import { addForum, Area, Board, expectExactForum, forum, Post, Thread } from '../models/forum.js';

const RingSchema = defineEntity({
  name: 'Ring',
  properties: {
    id: p.integer().primary(),
    next: () => p.manyToOne(Ring).nullable().deleteRule('restrict').updateRule('restrict'),
    count: p.integer().default(0),
    farCount: p.integer().default(0),
  },
});
class Ring extends RingSchema.class {}
RingSchema.setClass(Ring);

async function start(entities: readonly EntityClass<object>[], ...counters: Counter[]): Promise<MikroORM> {
  return new MikroORM((await schemaOptions('sqlite::memory:', { entities, counters })) as never);
}

const byThread = { counted: Post, by: 'thread', into: 'postCount' } as const;
const byBoard = { counted: Post, by: 'thread.board', into: 'postCount' } as const;

describe('a counter through several relations', () => {
  it.each<[name: string, problem: RegExp, ...counters: Counter[]]>([
    ['without the one before it', /what each Thread stores, .* declare one of Post by "thread"/, byBoard],
    [
      'with another condition than the one before it',
      /declare one of Post by "thread" with the same "where"/,
      { ...byThread, where: { approved: true } },
      byBoard,
    ],
    [
      'that sums, where the one before it counts',
      /with the same "where" and "sum"/,
      byThread,
      { ...byBoard, into: 'points', sum: 'points' },
    ],
    ['through what is no relation', /"approved" must name relations/, { ...byBoard, by: 'approved.board' }],
    ['through a relation that is not there', /"thread.nothing" must name/, { ...byBoard, by: 'thread.nothing.area' }],
    ['to what is no relation', /"title" must be a many-to-one/, byThread, { ...byBoard, by: 'thread.title' }],
    ['into a column that is not there', /Board has no column property "size"/, byThread, { ...byBoard, into: 'size' }],
    [
      'into a column with decimals, because a count has none',
      /Thread.board → points has 3 decimals, and a count has none/,
      byThread,
      { ...byBoard, into: 'points' },
    ],
    [
      'that sums a stored count by itself',
      /sums post_count, which is a stored count itself; to count through two relations/,
      byThread,
      { counted: Thread, by: 'board', into: 'postCount', sum: 'postCount' },
    ],
  ])('%s is refused when the ORM starts', async (_name, problem, ...counters) => {
    await expect(start([Area, Board, Thread, Post], ...counters)).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringMatching(problem),
    });
  });

  it('of several equal counters before it, one with several relations sums the one into the same property', async () => {
    const orm = await start(
      [Area, Board, Thread, Post],
      ...(['approvedCount', 'postCount'] as const).flatMap(into => [
        { ...byThread, into },
        { ...byBoard, into },
      ]),
    );
    const counters = registryOf(orm.em)!.groups.flatMap(group => group.counters);
    expect(counters.map(({ name, through }) => [name, through?.name])).toEqual([
      ['Thread.approvedCount', undefined],
      ['Thread.postCount', undefined],
      ['Board.approvedCount', 'Thread.approvedCount'],
      ['Board.postCount', 'Thread.postCount'],
    ]);
  });

  it('relations that lead back to a table are refused', async () => {
    const counters = [
      defineCounter({ counted: Ring, by: 'next', into: 'count' }),
      defineCounter({ counted: Ring, by: 'next.next', into: 'farCount' }),
    ];
    await expect(start([Ring], ...counters)).rejects.toThrow(/Ring.farCount .*relations that lead back to Ring/);
  });

  it('wrong paths and properties do not compile', () => {
    const declared = [
      defineCounter({ counted: Post, by: 'thread.board', into: 'postCount' }),
      defineCounter({ counted: Post, by: 'thread.board.area', into: 'postCount' }),
      // @ts-expect-error: an area has no threadCount.
      defineCounter({ counted: Post, by: 'thread.board.area', into: 'threadCount' }),
      // @ts-expect-error: a thread has no forum.
      defineCounter({ counted: Post, by: 'thread.forum', into: 'postCount' }),
      // @ts-expect-error: a post has no board.
      defineCounter({ counted: Post, by: 'board.area', into: 'postCount' }),
      // @ts-expect-error: the relation to an area is no number.
      defineCounter({ counted: Post, by: 'thread.board', into: 'area' }),
    ];
    expect(declared[0]).toEqual({ counted: Post, by: 'thread.board', into: 'postCount', where: {} });
  });
});

describe('a hook beside counts through several relations', () => {
  const schema = useSchema('sqlite', forum, 'hooks');

  /** Moves a thread, and does something else when the move is counted and not written yet. */
  async function moveAnd(
    work: (em: SqlEntityManager, thread: number, board: number) => Promise<unknown>,
  ): Promise<void> {
    const { threads, boards } = await addForum(schema);
    const em = schema.em();
    const thread = await em.findOneOrFail(Thread, threads[0]!);
    em.getEventManager().registerSubscriber({
      async beforeUpdate({ em: own, entity }) {
        if (entity === thread) await work(own as SqlEntityManager, threads[0]!, boards[0]!);
      },
    });
    thread.board = em.getReference(Board, boards[1]!, { wrapped: true });
    await em.flush();
  }

  it('a post that a hook adds to a thread whose move is counted already is refused, because its board is not known', async () => {
    await expect(moveAnd((em, thread) => insertMany(em, Post, [{ thread }]))).rejects.toMatchObject({
      code: 'COUNTER_LATE_CHANGE',
    });
    await expectExactForum(schema);
  });

  it('a recount in such a hook is refused', async () => {
    await expect(moveAnd((em, _thread, board) => recount(em, Board, [board]))).rejects.toMatchObject({
      code: 'COUNTER_LATE_CHANGE',
    });
    await expectExactForum(schema);
  });
});
