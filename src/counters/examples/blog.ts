/**
 * A blog on SQLite: posts that store how many comments they have, and how many of them are approved. Comments are deleted
 * softly: they stay, with the time of their deletion, are hidden by a filter, and are not counted. It creates, moves,
 * deletes, restores and miscounts comments, and prints the stored counts after each step.
 *
 * Run it with Node 24 beside MikroORM: `npm install mikro-orm-counters @mikro-orm/core @mikro-orm/sql kysely`, then
 * `node blog.ts`.
 */
import { defineEntity, MikroORM, NodeSqliteDialect, p, SqliteDriver } from '@mikro-orm/sql';
import {
  CounterError,
  defineCounter,
  deleteWhere,
  insertMany,
  recount,
  verify,
  withCounters,
} from 'mikro-orm-counters';

const PostSchema = defineEntity({
  name: 'Post',
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    commentCount: p.integer().unsigned().default(0),
    approvedCount: p.integer().unsigned().default(0),
  },
});
class Post extends PostSchema.class {}
PostSchema.setClass(Post);

const CommentSchema = defineEntity({
  name: 'Comment',
  properties: {
    id: p.integer().primary(),
    text: p.string(),
    approved: p.boolean().default(false),
    deletedAt: p.datetime().nullable(),
    post: () => p.manyToOne(Post).deleteRule('restrict'),
  },
  filters: { live: { name: 'live', cond: { deletedAt: null }, default: true } },
});
class Comment extends CommentSchema.class {}
CommentSchema.setClass(Comment);

const counters = [
  defineCounter({ counted: Comment, by: 'post', into: 'commentCount', where: { deletedAt: null } }),
  defineCounter({ counted: Comment, by: 'post', into: 'approvedCount', where: { deletedAt: null, approved: true } }),
];

const options = {
  driver: SqliteDriver,
  driverOptions: new NodeSqliteDialect(':memory:'),
  dbName: ':memory:',
  entities: [Post, Comment],
};
const orm = await MikroORM.init(withCounters(options, counters));
await orm.schema.create();

/** Prints what a step did and the counts that are stored now. */
async function print(step: string): Promise<void> {
  const posts = await orm.em.fork().find(Post, {}, { orderBy: { id: 'asc' } });
  const counts = posts.map(({ title, commentCount, approvedCount }) => `${title} ${commentCount} (${approvedCount})`);
  console.log(`${step}: ${counts.join(', ')}`);
}

// Create: the counts of new posts and the comments are written in one transaction.
const em = orm.em.fork();
const news = em.create(Post, { title: 'News' });
const recipes = em.create(Post, { title: 'Recipes' });
const first = em.create(Comment, { text: 'First!', post: news });
em.create(Comment, { text: 'Thank you.', post: news, approved: true });
em.create(Comment, { text: 'Tasty.', post: recipes, approved: true });
await em.flush();
await print('Created two posts and three comments');

// Change: approving a comment, moving it to another post.
first.approved = true;
await em.flush();
await print('Approved a comment');
first.post = recipes;
await em.flush();
await print('Moved it to the other post');

// Soft delete: a condition on deletedAt counts those that are there. A restoration counts again, and removing the row of
// a deleted comment changes nothing.
first.deletedAt = new Date();
await em.flush();
await print('Deleted it softly');
first.deletedAt = null;
await em.flush();
await print('Restored it');
first.deletedAt = new Date();
await em.flush();
em.remove(first);
await em.flush();
await print('Deleted it again and removed its row');

// Many rows at once, with one UPDATE for all posts.
const texts = Array.from({ length: 100 }, (_, index) => `Comment ${index}`);
await insertMany(
  em,
  Comment,
  texts.map(text => ({ text, post: news.id })),
);
await print('Inserted 100 comments');
await deleteWhere(em, Comment, { post: news.id, approved: false });
await print('Deleted those that are not approved');

// A write that hooks would not see is refused, with an error that names what to use instead.
try {
  await em.nativeDelete(Comment, { post: news.id });
} catch (error) {
  if (!(error instanceof CounterError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}

// SQL of another program is not seen: verify finds what it has left, and recount repairs it.
await em.execute("insert into comment (text, approved, post_id) values ('From elsewhere', 1, 2)");
await print('Another program added a comment');
for await (const { drifts } of verify(em, Post)) {
  for (const { counter, key, stored, actual } of drifts) {
    console.log(`${counter} of post ${key.join(', ')} is ${stored}, but there are ${actual} rows`);
    await em.transactional(inner => recount(inner, Post, key));
  }
}
await print('Recounted');
await orm.close();
