import { OptimisticLockError } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { adjust, deleteWhere, insertMany, recount, recountAll, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import {
  addArticles,
  Article,
  articles,
  Comment,
  expectExactArticles,
  expectShown,
  Section,
  touchedOf,
  type Touched,
} from '../models/articles.js';

describeOnEngineDatabases('a counter that touches its target', kind => {
  const schema = useSchema(kind, articles);
  /** Triggers of PostgreSQL see a statement as a whole, those of the other databases one row after the other. */
  const onceFor = (rows: number): number => (strategy === 'triggers' && kind !== 'postgresql' ? rows : 1);
  const stored = async (id: number): Promise<Touched> => touchedOf(await schema.em().findOneOrFail(Article, id));

  it('a comment that is added gives its article and its section the time of the write, and a new version', async () => {
    const {
      section,
      articles: [id],
    } = await addArticles(schema);
    const em = schema.em();
    const before = Math.floor(Date.now() / 1000) * 1000;
    em.create(Comment, { article: id });
    await em.flush();
    const { version, revision, commentedAt, updatedAt } = await stored(id);
    expect({ version, revision, updatedAt }).toEqual({ version: 2, revision: 0, updatedAt: 0 });
    expect(commentedAt).toBeGreaterThanOrEqual(before);
    expect(commentedAt).toBeLessThanOrEqual(Date.now());
    const found = await schema.em().findOneOrFail(Section, section);
    expect(found.version).toBe(2);
    // SQLite keeps what it is given.
    if (kind !== 'sqlite') expect(found.commentedAt!.getTime() % 1000).toBe(0);
    expect(Math.abs(found.commentedAt!.getTime() - commentedAt!)).toBeLessThan(60_000);
    await expectExactArticles(schema);
  });

  it('each counter touches its own properties, and only when its count changes', async () => {
    const {
      articles: [id, other],
    } = await addArticles(schema);
    const em = schema.em();
    const comment = em.create(Comment, { article: id });
    await em.flush();
    const one = await stored(id);
    comment.text = 'Nothing that counts';
    comment.points = 5;
    await em.flush();
    expect(await stored(id)).toEqual(one);
    comment.approved = true;
    await em.flush();
    const two = await stored(id);
    expect(two).toMatchObject({ version: 3, revision: 0, commentedAt: one.commentedAt });
    expect(two.updatedAt).toBeGreaterThan(0);
    await schema.write('update article set updated_at = ?', [kind === 'sqlite' ? 1000 : '1970-01-01 00:00:01']);
    comment.points = 6;
    await em.flush();
    const three = await stored(id);
    // The sum touches the date alone.
    expect([three.version, three.updatedAt! > 1000]).toEqual([3, true]);
    comment.pinnedTo = em.getReference(Article, other, { wrapped: true });
    await em.flush();
    expect(await stored(other)).toMatchObject({ version: 2, revision: 1, updatedAt: 1000, commentedAt: null });
    expect(await stored(id)).toEqual(three);
    await expectExactArticles(schema);
  });

  it('many comments of one flush touch an article once, whichever relations count them', async () => {
    const {
      articles: [id, other, third],
    } = await addArticles(schema);
    const em = schema.em();
    const loaded = await em.find(Article, {}, { orderBy: { id: 'asc' } });
    for (let index = 0; index < 3; index += 1) em.create(Comment, { article: id, pinnedTo: id, approved: true });
    em.create(Comment, { article: other });
    await em.flush();
    if (strategy === 'hooks') expect(await stored(id)).toMatchObject({ version: 2, revision: 1 });
    expect((await stored(other)).version).toBe(2);
    expect(await stored(third)).toMatchObject({ version: 1, commentedAt: null, updatedAt: 0 });
    await expectShown(schema, ...loaded);
    await expectExactArticles(schema);
  });

  it('a comment that moves touches both articles, and one that goes touches its article', async () => {
    const {
      section,
      articles: [id, other],
    } = await addArticles(schema);
    const em = schema.em();
    const loaded = [...(await em.find(Article, {})), await em.findOneOrFail(Section, section)];
    const comment = em.create(Comment, { article: id, approved: true, points: 3 });
    await em.flush();
    comment.article = em.getReference(Article, other, { wrapped: true });
    await em.flush();
    expect([(await stored(id)).version, (await stored(other)).version]).toEqual([3, 2]);
    await expectShown(schema, ...loaded);
    em.remove(comment);
    await em.flush();
    expect([(await stored(id)).version, (await stored(other)).version]).toEqual([3, 3]);
    await expectShown(schema, ...loaded);
    await expectExactArticles(schema);
  });

  it('an article that moves takes its count along and touches both sections', async () => {
    const {
      section,
      articles: [id],
    } = await addArticles(schema);
    const em = schema.em();
    const [from, to] = [await em.findOneOrFail(Section, section), em.create(Section, {})];
    const article = await em.findOneOrFail(Article, id);
    em.create(Comment, { article });
    await em.flush();
    article.section = em.getReference(Section, to.id, { wrapped: true });
    await em.flush();
    expect([from.version, to.version]).toEqual([3, 2]);
    await expectShown(schema, article, from, to);
    article.section = null;
    await em.flush();
    await expectShown(schema, article, from, to);
    await expectExactArticles(schema);
  });

  it('bulk writes touch what they count into', async () => {
    const {
      section,
      articles: [id, other, third],
    } = await addArticles(schema);
    const em = schema.em();
    const loaded = [...(await em.find(Article, {})), await em.findOneOrFail(Section, section)];
    const rows = [id, id, other].map(article => ({ article, approved: true }));
    await insertMany(em, Comment, rows);
    expect(await stored(id)).toMatchObject({ version: 1 + onceFor(2) });
    await expectShown(schema, ...loaded);
    const before = await stored(id);
    await updateWhere(em, Comment, {}, { text: 'Nothing that counts' });
    await updateWhere(em, Comment, {}, { approved: true });
    expect(await stored(id)).toEqual(before);
    await updateWhere(em, Comment, { article: other }, { article: third });
    expect(await stored(id)).toEqual(before);
    expect([(await stored(other)).version, (await stored(third)).version]).toEqual([3, 2]);
    await expectShown(schema, ...loaded);
    await deleteWhere(em, Comment, { article: id });
    expect((await stored(id)).version).toBe(before.version + onceFor(2));
    await expectShown(schema, ...loaded);
    await expectExactArticles(schema);
  });

  it('a loaded target that is changed in the flush that touches it, or after it, is written', async () => {
    const {
      section,
      articles: [id],
    } = await addArticles(schema);
    const em = schema.em();
    const article = await em.findOneOrFail(Article, id);
    const its = await em.findOneOrFail(Section, section);
    const comments = [1, 2].map(() => em.create(Comment, { article }));
    [article.title, its.title] = ['One', 'One'];
    await em.flush();
    await expectShown(schema, article, its);
    [article.title, its.title] = ['Two', 'Two'];
    em.remove(comments[0]!);
    await em.flush();
    await expectShown(schema, article, its);
    await insertMany(em, Comment, [{ article: id, approved: true }]);
    [article.title, its.title] = ['Three', 'Three'];
    await em.flush();
    await expectShown(schema, article, its);
    article.updatedAt = new Date(5000);
    em.create(Comment, { article, approved: true });
    await em.flush();
    expect(article.updatedAt).toEqual(new Date(5000));
    await expectShown(schema, article, its);
    em.remove(comments[1]!);
    await em.flush();
    await expectShown(schema, article, its);
    await expectExactArticles(schema);
  });

  it('a new target with comments can be written in the next flush', async () => {
    const em = schema.em();
    const section = em.create(Section, {});
    const article = em.create(Article, { section });
    em.create(Comment, { article, approved: true });
    await em.flush();
    [article.title, section.title] = ['One', 'One'];
    await em.flush();
    await expectShown(schema, article, section);
    await expectExactArticles(schema);
  });

  it('a target that others have changed since it was loaded is not written, whatever touches it meanwhile', async () => {
    const {
      section,
      articles: [id],
    } = await addArticles(schema);
    for (const write of ['create', 'insertMany'] as const) {
      const [em, together, other] = [schema.em(), schema.em(), schema.em()];
      const [article, mine] = [await em.findOneOrFail(Article, id), await together.findOneOrFail(Article, id)];
      const its = await em.findOneOrFail(Section, section);
      (await other.findOneOrFail(Article, id)).title = `Of another, before ${write}`;
      (await other.findOneOrFail(Section, section)).title = `Of another, before ${write}`;
      await other.flush();
      if (write === 'create') em.create(Comment, { article: id });
      else await insertMany(em, Comment, [{ article: id }]);
      await em.flush();
      article.title = 'Mine';
      await expect(em.flush()).rejects.toThrow(OptimisticLockError);
      em.getUnitOfWork().unsetIdentity(article);
      its.title = 'Mine';
      await expect(em.flush()).rejects.toThrow(OptimisticLockError);
      mine.title = 'Mine';
      together.create(Comment, { article: mine });
      await expect(together.flush()).rejects.toThrow(OptimisticLockError);
    }
    await expectExactArticles(schema);
  });

  it('a count that changes makes a writer that has loaded the target before fail', async () => {
    const {
      articles: [id],
    } = await addArticles(schema);
    const stale = schema.em();
    (await stale.findOneOrFail(Article, id)).title = 'Mine';
    const em = schema.em();
    em.create(Comment, { article: id });
    await em.flush();
    await expect(stale.flush()).rejects.toThrow(OptimisticLockError);
  });

  it('a rollback takes back what a loaded target shows', async () => {
    const {
      section,
      articles: [id],
    } = await addArticles(schema);
    const em = schema.em();
    const article = await em.findOneOrFail(Article, id);
    const its = await em.findOneOrFail(Section, section);
    for (const write of ['flush', 'insertMany'] as const)
      await em
        .transactional(async inner => {
          if (write === 'flush') inner.create(Comment, { article: id, approved: true });
          else await insertMany(inner, Comment, [{ article: id }]);
          await inner.flush();
          expect(article.version).toBe(2);
          throw new Error('undone');
        })
        .catch((error: Error) => expect(error.message).toBe('undone'));
    await expectShown(schema, article, its);
    article.title = 'Still mine';
    await em.flush();
    expect((await stored(id)).version).toBe(2);
  });

  it('recounts and adjustments touch nothing, at no level', async () => {
    const {
      section,
      articles: [id],
    } = await addArticles(schema);
    const em = schema.em();
    await insertMany(em, Comment, [{ article: id, approved: true }]);
    const article = await em.findOneOrFail(Article, id);
    const its = await em.findOneOrFail(Section, section);
    const before = [touchedOf(article), touchedOf(its)];
    await em.transactional(async inner => {
      await adjust(inner, Article, [id], { 'Article.commentCount': 3, 'Article.score': 2 });
      await recount(inner, Article, [id]);
      await adjust(inner, Section, [section], { 'Section.commentCount': 3 });
    });
    await recountAll(schema.em());
    expect([touchedOf(article), touchedOf(its)]).toEqual(before);
    expect([await stored(id), touchedOf(await schema.em().findOneOrFail(Section, section))]).toEqual(before);
    await expectExactArticles(schema);
  });

  if (strategy === 'triggers')
    it("writes of other programs touch what they count into, by the database's clock", async () => {
      const {
        section,
        articles: [id, other],
      } = await addArticles(schema);
      const before = Math.floor(Date.now() / 1000) * 1000;
      const insert = 'insert into article_comment (article_id, approved, points, text) values';
      const no = kind === 'postgresql' ? 'false' : '0';
      await schema.write(`${insert} (?, ${no}, 1, ''), (?, ${no}, 1, '')`, [id, id]);
      const { version, commentedAt, updatedAt } = await stored(id);
      expect([version, updatedAt]).toEqual([1 + onceFor(2), 0]);
      expect(commentedAt).toBeGreaterThanOrEqual(before);
      expect(commentedAt).toBeLessThanOrEqual(Date.now() + 1000);
      await schema.write("update article_comment set text = 'Nothing that counts', points = 2");
      expect((await stored(id)).version).toBe(version);
      await schema.write(`update article_comment set approved = not approved`);
      expect((await stored(id)).version).toBe(version + onceFor(2));
      await schema.write('update article_comment set article_id = ?', [other]);
      expect((await stored(other)).version).toBe(1 + onceFor(2));
      expect((await schema.em().findOneOrFail(Section, section)).version).toBeGreaterThanOrEqual(2);
      if (kind === 'postgresql') {
        const last = await stored(other);
        await schema.write('truncate article_comment');
        expect((await stored(other)).version).toBe(last.version + 1);
      }
      await expectExactArticles(schema);
    });

  if (strategy === 'hooks')
    it('a flush that touches sends no more statements than one that does not', async () => {
      const {
        articles: [id, other, third],
      } = await addArticles(schema);
      const em = schema.em();
      em.create(Comment, { article: id });
      em.create(Comment, { article: other, approved: true });
      em.create(Comment, { article: third });
      const statements = await statementsOf(schema.database, () => em.flush());
      expect(statements.filter(sql => /^update .*article/i.test(sql))).toHaveLength(1);
    });
});
