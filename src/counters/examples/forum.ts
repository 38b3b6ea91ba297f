/**
 * A forum on SQLite: threads that store how many posts they have, and boards that store how many threads and how many
 * posts. It creates, moves and miscounts posts and threads, and prints the stored counts after each step.
 *
 * Run it with Node 24 beside MikroORM: `npm install mikro-orm-counters @mikro-orm/core @mikro-orm/sql kysely`, then
 * `node forum.ts`.
 */
import { defineEntity, MikroORM, NodeSqliteDialect, p, SqliteDriver } from '@mikro-orm/sql';
import { deleteWhere, defineCounter, insertMany, recount, updateWhere, verify, withCounters } from 'mikro-orm-counters';

const BoardSchema = defineEntity({
  name: 'Board',
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    threadCount: p.integer().unsigned().default(0),
    postCount: p.integer().unsigned().default(0),
  },
});
class Board extends BoardSchema.class {}
BoardSchema.setClass(Board);

const ThreadSchema = defineEntity({
  name: 'Thread',
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    board: () => p.manyToOne(Board).deleteRule('restrict'),
    postCount: p.integer().unsigned().default(0),
  },
});
class Thread extends ThreadSchema.class {}
ThreadSchema.setClass(Thread);

const PostSchema = defineEntity({
  name: 'Post',
  properties: {
    id: p.integer().primary(),
    text: p.string(),
    deletedAt: p.datetime().nullable(),
    thread: () => p.manyToOne(Thread).deleteRule('restrict'),
  },
});
class Post extends PostSchema.class {}
PostSchema.setClass(Post);

const where = { deletedAt: null };
const counters = [
  defineCounter({ counted: Thread, by: 'board', into: 'threadCount' }),
  // The count of a board is the sum of those of its threads, which are declared with the same condition.
  defineCounter({ counted: Post, by: 'thread', into: 'postCount', where }),
  defineCounter({ counted: Post, by: 'thread.board', into: 'postCount', where }),
];

const options = {
  driver: SqliteDriver,
  driverOptions: new NodeSqliteDialect(':memory:'),
  dbName: ':memory:',
  entities: [Board, Thread, Post],
};
const orm = await MikroORM.init(withCounters(options, counters));
await orm.schema.create();

/** Prints what a step did and the counts that are stored now. */
async function print(step: string): Promise<void> {
  const em = orm.em.fork();
  const boards = await em.find(Board, {}, { orderBy: { id: 'asc' } });
  const threads = await em.find(Thread, {}, { orderBy: { id: 'asc' } });
  console.log(
    `${step}. ${boards.map(({ title, threadCount, postCount }) => `${title}: ${threadCount} threads, ${postCount} posts`).join('; ')} ` +
      `(${threads.map(({ title, postCount }) => `${title} ${postCount}`).join(', ')})`,
  );
}

// Create: every level is written in one transaction.
const em = orm.em.fork();
const cooking = em.create(Board, { title: 'Cooking' });
const travel = em.create(Board, { title: 'Travel' });
const soup = em.create(Thread, { title: 'Soup', board: cooking });
const noodles = em.create(Thread, { title: 'Noodles', board: cooking });
const first = em.create(Post, { text: 'Salt!', thread: soup });
em.create(Post, { text: 'Pepper!', thread: soup });
em.create(Post, { text: 'In Bologna', thread: noodles });
await em.flush();
await print('Created two boards, two threads and three posts');

// A post moves to another thread; a thread moves to another board and takes its posts along, in the same flush as a new one.
first.thread = noodles;
await em.flush();
await print('Moved a post');
noodles.board = travel;
em.create(Post, { text: 'In Naples', thread: noodles });
await em.flush();
console.log(`In memory, ${cooking.title} has ${cooking.postCount} post, and ${travel.title} has ${travel.postCount}`);
await print('Moved a thread');

// Soft deletes, and many rows at once.
first.deletedAt = new Date();
await em.flush();
await print('Deleted a post softly');
await insertMany(
  em,
  Post,
  Array.from({ length: 100 }, (_, index) => ({
    text: `Post ${index}`,
    thread: index % 2 === 0 ? soup.id : noodles.id,
  })),
);
await print('Inserted 100 posts');
await updateWhere(em, Thread, { board: travel.id }, { board: cooking.id });
await print('Moved all threads of a board');
await deleteWhere(em, Post, { thread: soup.id });
await print('Deleted all posts of a thread');

// SQL of another program is not seen. Each level is verified, and repaired, by the posts themselves.
await em.execute("insert into post (text, thread_id) values ('From elsewhere', 1)");
for (const entity of [Thread, Board])
  for await (const { drifts } of verify(em, entity))
    for (const { counter, key, stored, actual } of drifts) {
      console.log(`${counter} of ${key.join(', ')} is ${stored}, but there are ${actual} rows`);
      await em.transactional(inner => recount(inner, entity, key));
    }
await print('Recounted');
await orm.close();
