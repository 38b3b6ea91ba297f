import type { SqlEntityManager } from '@mikro-orm/sql';
import {
  counterMigration,
  defineCounter,
  deleteWhere,
  insertMany,
  installTriggers,
  isConflict,
  lockTargets,
  recountAll,
  retryTransaction,
  updateWhere,
  verify,
} from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { expectExact } from '../../support/exact-counts.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import { album, Blog, Like, likeCounts, Photo, Post, Video } from '../models/likes.js';

/** The rounds of a race between those who add rows to a target and those who remove it. */
const ROUNDS = 10;

describeOnEngineDatabases('relations to several entities', kind => {
  const schema = useSchema(kind, album);
  const exact = async (): Promise<void> => {
    await expectExact(schema, ...likeCounts);
    for (const table of ['post', 'photo']) {
      const sums = await schema.rows<{ in_column: unknown; in_rows: unknown }>(
        `select weight as in_column, (select coalesce(sum(weight), 0) from likes where likeable_type = '${table}' and likeable_id = ${table}.id and shown) as in_rows from ${table}`,
      );
      expect(sums.map(({ in_column }) => Number(in_column))).toEqual(sums.map(({ in_rows }) => Number(in_rows)));
    }
  };

  /** Saves a post and a photo with the same key, another of each, and two likes of the first post. */
  async function add(em: SqlEntityManager) {
    const posts = [1, 2].map(id => em.create(Post, { id }));
    const photos = [1, 2].map(id => em.create(Photo, { id }));
    const likes = [3, 4].map(weight => em.create(Like, { likeable: posts[0]!, weight, shown: weight > 3 }));
    await em.flush();
    return { posts, photos, likes };
  }

  const shown = ({ likeCount, shownCount, weight }: Post | Photo): number[] => [likeCount, shownCount, weight];
  const referTo = (type: string, id: number): never => [type, id] as never;

  it('rows are counted that are created, move from one entity to another with the same key, and go', async () => {
    const em = schema.em();
    const { posts, photos, likes } = await add(em);
    await exact();
    expect(posts.map(shown)).toEqual([
      [2, 1, 4],
      [0, 0, 0],
    ]);
    likes[0]!.likeable = photos[0]!;
    likes[1]!.likeable = posts[1]!;
    await em.flush();
    await exact();
    expect([...posts, ...photos].map(shown)).toEqual([
      [0, 0, 0],
      [1, 1, 4],
      [1, 0, 0],
      [0, 0, 0],
    ]);
    const other = schema.em();
    for (const like of await other.find(Like, {})) {
      like.likeable = other.getReference(Photo, 2);
      like.shown = true;
    }
    const fresh = other.create(Photo, { id: 30 });
    other.create(Like, { likeable: fresh, weight: 5 });
    await other.flush();
    await exact();
    expect(shown(fresh)).toEqual([1, 1, 5]);
    const last = schema.em();
    const [first, ...rest] = await last.find(Like, {});
    first!.likeable = null;
    for (const like of rest) last.remove(like);
    await last.flush();
    await exact();
  });

  it('a savepoint that is rolled back takes its moves along', async () => {
    const em = schema.em();
    const { posts, photos, likes } = await add(em);
    await em.transactional(async outer => {
      await expect(
        outer.transactional(async inner => {
          (await inner.findOneOrFail(Like, likes[1]!.id)).likeable = inner.getReference(Photo, 1);
          await inner.flush();
          throw new Error('undone');
        }),
      ).rejects.toThrow('undone');
    });
    await exact();
    expect([posts[0]!, photos[0]!].map(one => one.likeCount)).toEqual([2, 0]);
  });

  it('bulk writes are counted', async () => {
    await add(schema.em());
    const em = schema.em();
    const loaded = await em.findOneOrFail(Photo, 1);
    await insertMany(em, Like, [
      { likeable: referTo('photo', 1), weight: 7 },
      { likeable: referTo('post', 2), shown: false },
    ]);
    await exact();
    expect(shown(loaded)).toEqual([1, 1, 7]);
    expect(await updateWhere(em, Like, { shown: true }, { likeable: referTo('photo', 2) })).toBe(2);
    await exact();
    expect(await updateWhere(em, Like, { weight: 3 }, { shown: true, weight: 30 })).toBe(1);
    await exact();
    expect(await deleteWhere(em, Like, { likeable: await em.findOneOrFail(Photo, 2) })).toBe(2);
    await exact();
    await em.transactional(async inner => {
      expect(await lockTargets(inner, Like, 'likeable', [[1], [9]], Photo)).toEqual([[1]]);
      await expect(lockTargets(inner, Like, 'likeable', [[1]])).rejects.toMatchObject({ code: 'COUNTER_DECLARATION' });
    });
  });

  it('a row cannot come to a target that does not exist, whether it is counted there or not', async () => {
    await add(schema.em());
    const missing = { code: 'COUNTER_TARGET_MISSING', message: expect.stringMatching(/^Video 9 does not exist/) };
    for (const visible of [true, false]) {
      const em = schema.em();
      em.create(Like, { likeable: em.getReference(Video, 9), shown: visible, weight: 0 });
      await expect(em.flush()).rejects.toMatchObject(missing);
      const other = schema.em();
      const [like] = await other.find(Like, { shown: visible });
      like!.likeable = other.getReference(Video, 9);
      await expect(other.flush()).rejects.toMatchObject(missing);
      const bulk = schema.em();
      const row = { likeable: referTo('video', 9), shown: visible };
      await expect(insertMany(bulk, Like, [row])).rejects.toMatchObject(missing);
      await expect(updateWhere(bulk, Like, { shown: visible }, row as never)).rejects.toMatchObject(missing);
    }
    await exact();
    expect(await schema.rows('select id from likes')).toHaveLength(2);
  });

  it('a target cannot go, nor get another key, while rows refer to it', async () => {
    const { posts } = await add(schema.em());
    const refused = { code: 'COUNTER_TARGET_MISSING', message: expect.stringMatching(/^Post 1 would be gone/) };
    const em = schema.em();
    em.remove(em.getReference(Post, posts[0]!.id));
    await expect(em.flush()).rejects.toMatchObject(refused);
    const renamed = schema.em();
    (await renamed.findOneOrFail(Post, 1)).id = 8;
    await expect(renamed.flush()).rejects.toMatchObject(refused);
    await expect(deleteWhere(schema.em(), Post, {})).rejects.toMatchObject(refused);
    await expect(updateWhere(schema.em(), Post, { id: 1 }, { id: 8 })).rejects.toMatchObject(refused);
    await exact();
    expect(await schema.rows('select id from post')).toHaveLength(2);
    // Of two entities with the same key, the other one has no rows.
    const other = schema.em();
    other.remove(other.getReference(Photo, 1));
    (await other.findOneOrFail(Post, 2)).id = 9;
    await other.flush();
    const last = schema.em();
    const [first, second] = await last.find(Like, {}, { orderBy: { id: 'asc' } });
    last.remove(first!);
    second!.likeable = last.getReference(Photo, 2);
    last.remove(last.getReference(Post, 1));
    await last.flush();
    await exact();
    expect(await schema.rows('select id from post')).toHaveLength(1);
  });

  it('one statement asks for the rows of all targets that go', async () => {
    await add(schema.em());
    const em = schema.em();
    const ids = [3, 4, 5, 6];
    const photos = ids.map(id => em.create(Photo, { id }));
    for (const id of ids) em.create(Post, { id });
    await em.flush();
    /** Returns how many statements ask for rows by the keys of targets, and for targets by their keys. */
    const asked = async (work: () => Promise<unknown>): Promise<number[]> => {
      const statements = await statementsOf(schema.database, work);
      return [/^select likeable_id from likes where likeable_type in /, /^select id from post where id in /].map(
        question => statements.filter(sql => question.test(sql)).length,
      );
    };
    const ofFlush = await asked(async () => {
      for (const photo of photos) em.remove(photo);
      await em.flush();
    });
    expect(ofFlush).toEqual([1, 0]);
    expect(await asked(() => deleteWhere(em, Post, { id: { $gte: 3 } }))).toEqual([1, 1]);
    expect((await schema.rows('select id from post')).length).toBe(2);
  });

  it('writes that could take targets away without hooks are refused, and others are not', async () => {
    const em = schema.em();
    await add(em);
    const bypass = { code: 'COUNTER_BYPASS', message: expect.stringContaining('by "likeable"') };
    await expect(em.nativeDelete(Photo, { id: 2 })).rejects.toMatchObject(bypass);
    await expect(em.nativeUpdate(Photo, { id: 2 }, { id: 5 })).rejects.toMatchObject(bypass);
    await expect(em.createQueryBuilder(Photo).delete({ id: 2 }).execute()).rejects.toMatchObject(bypass);
    const kysely = em.getKysely<{ photo: { id: number; changes: number } }>();
    await expect(kysely.deleteFrom('photo').execute()).rejects.toMatchObject(bypass);
    await expect(kysely.updateTable('photo').set({ id: 7 }).execute()).rejects.toMatchObject(bypass);
    await kysely.updateTable('photo').set({ changes: 7 }).execute();
    await em.nativeUpdate(Photo, { id: 2 }, { changes: 8 });
    await exact();
  });

  it('rows count nowhere whose target another program has taken away, and can be changed, moved and removed', async () => {
    const { likes } = await add(schema.em());
    await schema.write('delete from post where id = 1');
    const em = schema.em();
    const [hidden, open] = await em.find(Like, {}, { orderBy: { id: 'asc' } });
    hidden!.shown = true;
    open!.weight = 40;
    await em.flush();
    await exact();
    await updateWhere(schema.em(), Like, {}, { weight: 2 });
    await exact();
    hidden!.likeable = em.getReference(Photo, 1);
    await em.flush();
    await exact();
    expect(await deleteWhere(schema.em(), Like, { id: likes[1]!.id })).toBe(1);
    await exact();
  });

  it('verify finds and a recount repairs what other programs leave', async () => {
    await add(schema.em());
    await schema.write("insert into likes (likeable_type, likeable_id) values ('photo', 1), ('post', 1), ('other', 1)");
    const drifts = [];
    for (const target of [Post, Photo])
      for await (const chunk of verify(schema.em(), target, { counters: [`${target.name}.likeCount`] }))
        drifts.push(
          ...chunk.drifts.map(({ counter, key, stored, actual }) => [counter, Number(key[0]), stored, actual]),
        );
    expect(drifts).toEqual([
      ['Post.likeCount', 1, 2, 3],
      ['Photo.likeCount', 1, 0, 1],
    ]);
    await recountAll(schema.em());
    await exact();
  });

  it('of those who add a row to a target and those who remove it at the same time, one fails', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const em = schema.em();
      em.create(Video, { id: round });
      await em.flush();
      const isVisible = round % 2 === 0;
      const attempts = await Promise.allSettled([
        retryTransaction(schema.em(), async inner => {
          inner.create(Like, { likeable: inner.getReference(Video, round), shown: isVisible, weight: 0 });
          await inner.flush();
        }),
        retryTransaction(schema.em(), async inner => {
          inner.remove(inner.getReference(Video, round));
          await inner.flush();
        }),
      ]);
      const failed = attempts.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      expect(failed.every(({ reason }) => reason.code === 'COUNTER_TARGET_MISSING' || isConflict(em, reason))).toBe(
        true,
      );
      const lost = await schema.rows(
        'select id from likes where not exists (select 1 from video where video.id = likeable_id)',
      );
      expect(lost, `round ${round}`).toEqual([]);
    }
    await exact();
  });

  it('triggers are refused, and so is a migration that would count with them', async () => {
    const refusal = {
      code: 'COUNTER_DECLARATION',
      message: expect.stringMatching(/"likeable", which leads to several entities, and triggers would not/) as string,
    };
    await expect(installTriggers(schema.em())).rejects.toMatchObject(refusal);
    await expect(counterMigration(schema.em(), 'Post.likeCount').up()).rejects.toMatchObject(refusal);
  });

  it('posts, which rows refer to, are counted themselves', async () => {
    const em = schema.em();
    const { posts } = await add(em);
    const blog = em.create(Blog, {});
    for (const post of posts) post.blog = blog;
    await em.flush();
    await exact();
    expect(blog.postCount).toBe(2);
  });
});

it('a counter by a relation to several entities is typed by its target', () => {
  // @ts-expect-error: a photo has no such property
  defineCounter({ counted: Like, by: 'likeable', target: Photo, into: 'blog' });
  expect(defineCounter({ counted: Like, by: 'likeable', target: Photo, into: 'likeCount' }).target).toBe(Photo);
});
