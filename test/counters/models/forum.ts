import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'vitest';
import { defineCounter, verify } from 'mikro-orm-counters';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const AreaSchema = defineEntity({
  name: 'Area',
  properties: { id: p.integer().primary(), postCount: p.integer().unsigned().default(0) },
});
/** What boards are in: three relations away from a post. */
export class Area extends AreaSchema.class {}
AreaSchema.setClass(Area);

const BoardSchema = defineEntity({
  name: 'Board',
  properties: {
    id: p.integer().primary(),
    area: () => p.manyToOne(Area).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    threadCount: p.integer().unsigned().default(0),
    postCount: p.integer().unsigned().default(0),
    approvedCount: p.integer().unsigned().default(0),
    points: p.decimal().precision(14).scale(3).default(0),
  },
});
/** A target of threads, and of their posts. */
export class Board extends BoardSchema.class {}
BoardSchema.setClass(Board);

const ThreadSchema = defineEntity({
  name: 'Thread',
  properties: {
    id: p.integer().primary(),
    title: p.string().default('A thread'),
    board: () => p.manyToOne(Board).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    postCount: p.integer().unsigned().default(0),
    approvedCount: p.integer().unsigned().default(0),
    points: p.decimal().precision(12).scale(2).default(0),
  },
});
/** A target of posts, and a row that is counted itself. */
export class Thread extends ThreadSchema.class {}
ThreadSchema.setClass(Thread);

const PostSchema = defineEntity({
  name: 'Post',
  properties: {
    id: p.integer().primary(),
    thread: () => p.manyToOne(Thread).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    approved: p.boolean().default(false),
    points: p.decimal().precision(8).scale(2).nullable(),
  },
});
/** A row that is counted by its thread, its thread's board, and that one's area. */
export class Post extends PostSchema.class {}
PostSchema.setClass(Post);

/** Areas of boards of threads of posts. */
export const forum: SchemaOptions = {
  entities: [Area, Board, Thread, Post],
  counters: [
    // The order of the declarations does not matter.
    defineCounter({ counted: Post, by: 'thread.board.area', into: 'postCount' }),
    defineCounter({ counted: Post, by: 'thread.board', into: 'postCount' }),
    defineCounter({ counted: Post, by: 'thread.board', into: 'approvedCount', where: { approved: true } }),
    defineCounter({ counted: Post, by: 'thread.board', into: 'points', sum: 'points', where: { approved: true } }),
    defineCounter({ counted: Thread, by: 'board', into: 'threadCount' }),
    defineCounter({ counted: Post, by: 'thread', into: 'postCount' }),
    defineCounter({ counted: Post, by: 'thread', into: 'approvedCount', where: { approved: true } }),
    defineCounter({ counted: Post, by: 'thread', into: 'points', sum: 'points', where: { approved: true } }),
  ],
};

/** Asserts that every thread, board and area stores exactly what the rows give, by queries of their own. */
export async function expectExactForum(schema: Schema): Promise<void> {
  const approved = schema.kind === 'postgresql' ? 'p.approved' : 'p.approved = 1';
  const columns = (where: string): string =>
    `(select count(*) from post p ${where}) as posts, (select count(*) from post p ${where} and ${approved}) as approved, (select round(coalesce(sum(p.points), 0), 2) from post p ${where} and ${approved}) as points`;
  const found: unknown[] = [];
  for (const [table, where] of [
    ['thread', 'where p.thread_id = t.id'],
    ['board', 'join thread m on m.id = p.thread_id where m.board_id = t.id'],
  ]) {
    const rows = await schema.rows(
      `select t.id, t.post_count, t.approved_count, t.points as kept, ${columns(where!)} from ${table} t`,
    );
    for (const row of rows)
      found.push({
        row: `${table} ${String(row['id'])}`,
        stored: [row['post_count'], row['approved_count'], row['kept']].map(Number),
        actual: [row['posts'], row['approved'], row['points']].map(Number),
      });
  }
  const others = await schema.rows(
    'select t.id, t.thread_count as c, (select count(*) from thread m where m.board_id = t.id) as n from board t',
  );
  for (const { id, c, n } of others)
    found.push({ row: `board ${String(id)}`, stored: [Number(c)], actual: [Number(n)] });
  const areas = await schema.rows(
    'select t.id, t.post_count as c, (select count(*) from post p join thread m on m.id = p.thread_id join board b on b.id = m.board_id where b.area_id = t.id) as n from area t',
  );
  for (const { id, c, n } of areas) found.push({ row: `area ${String(id)}`, stored: [Number(c)], actual: [Number(n)] });
  const all = found as { row: string; stored: number[]; actual: number[] }[];
  expect(all.filter(({ stored, actual }) => stored.join() !== actual.join())).toEqual([]);
  for (const entity of [Thread, Board, Area]) {
    const chunks = await Array.fromAsync(verify(schema.em(), entity));
    expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
  }
}

/** The ids of a small forum: two areas, three boards, four threads; the last board and thread are in nothing. */
export interface Ids {
  readonly areas: readonly number[];
  readonly boards: readonly number[];
  readonly threads: readonly number[];
}

/** Adds a forum in which each thread of a board has some posts. */
export async function addForum(schema: Schema, posts = 2): Promise<Ids> {
  const em = schema.em();
  const areas = [em.create(Area, {}), em.create(Area, {})];
  const boards = [areas[0]!, areas[1]!, null].map(area => em.create(Board, { area }));
  const threads = [boards[0]!, boards[0]!, boards[1]!, null].map(board => em.create(Thread, { board }));
  await em.flush();
  for (const thread of threads)
    for (let index = 0; index < posts; index += 1)
      em.create(Post, { thread, approved: index % 2 === 0, points: `${index}.25` });
  await em.flush();
  const ids = (rows: readonly { readonly id: number }[]): number[] => rows.map(({ id }) => id);
  return { areas: ids(areas), boards: ids(boards), threads: ids(threads) };
}
