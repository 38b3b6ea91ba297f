import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'vitest';
import { defineCounter, verify } from 'mikro-orm-counters';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const SectionSchema = defineEntity({
  name: 'Section',
  properties: {
    id: p.integer().primary(),
    title: p.string().default('A section'),
    commentCount: p.integer().unsigned().default(0),
    commentedAt: p.datetime().length(0).nullable(),
    version: p.integer().version(),
  },
});
/** A target two relations away, which has a version. */
export class Section extends SectionSchema.class {}
SectionSchema.setClass(Section);

const ArticleSchema = defineEntity({
  name: 'Article',
  properties: {
    id: p.integer().primary(),
    section: () => p.manyToOne(Section).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    title: p.string().default('An article'),
    commentCount: p.integer().unsigned().default(0),
    approvedCount: p.integer().unsigned().default(0),
    score: p.integer().default(0),
    pinnedCount: p.integer().unsigned().default(0),
    /** Of every comment. */
    commentedAt: p.datetime().length(3).nullable(),
    /** Of what readers see: approved comments and their score. */
    updatedAt: p
      .datetime()
      .length(3)
      .onCreate(() => new Date(0)),
    /** Of the pinned ones, which another relation counts. */
    revision: p.integer().default(0),
    version: p.integer().version(),
  },
});
/** A target that its counters touch in several ways. */
export class Article extends ArticleSchema.class {}
ArticleSchema.setClass(Article);

const CommentSchema = defineEntity({
  name: 'Comment',
  tableName: 'article_comment',
  properties: {
    id: p.integer().primary(),
    article: () => p.manyToOne(Article).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    /** The article that shows it at its top. */
    pinnedTo: () => p.manyToOne(Article).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    approved: p.boolean().default(false),
    points: p.integer().default(0),
    text: p.string().default('A text'),
  },
});
/** A row that touches what counts it. */
export class Comment extends CommentSchema.class {}
CommentSchema.setClass(Comment);

/** Articles and sections that know when and how often their counts have changed. */
export const articles: SchemaOptions = {
  entities: [Section, Article, Comment],
  counters: [
    defineCounter({ counted: Comment, by: 'article', into: 'commentCount', touch: ['commentedAt', 'version'] }),
    defineCounter({
      counted: Comment,
      by: 'article',
      into: 'approvedCount',
      where: { approved: true },
      touch: ['updatedAt', 'version'],
    }),
    defineCounter({
      counted: Comment,
      by: 'article',
      into: 'score',
      sum: 'points',
      where: { approved: true },
      touch: 'updatedAt',
    }),
    defineCounter({ counted: Comment, by: 'pinnedTo', into: 'pinnedCount', touch: ['revision', 'version'] }),
    defineCounter({ counted: Comment, by: 'article.section', into: 'commentCount', touch: ['commentedAt', 'version'] }),
  ],
};

/** What an article or a section says of its last change. */
export interface Touched {
  readonly version: number;
  readonly revision?: number;
  readonly commentedAt: number | null;
  readonly updatedAt?: number;
}

/** Returns what an entity shows of its last change; dates as milliseconds. */
export function touchedOf(entity: Article | Section): Touched {
  const { version, commentedAt } = entity;
  const at = commentedAt ? commentedAt.getTime() : null;
  if (entity instanceof Section) return { version, commentedAt: at };
  return { version, revision: entity.revision, commentedAt: at, updatedAt: entity.updatedAt.getTime() };
}

/** Asserts that loaded targets show what the database has, and nothing of them would be written by a flush. */
export async function expectShown(schema: Schema, ...entities: readonly (Article | Section)[]): Promise<void> {
  for (const entity of entities) {
    const found = await schema.em().findOneOrFail<Article | Section>(entity.constructor as never, entity.id);
    expect(touchedOf(entity)).toEqual(touchedOf(found));
    expect(countsOn(entity)).toEqual(countsOn(found));
  }
}

function countsOn(entity: Article | Section): unknown[] {
  if (entity instanceof Section) return [entity.title, entity.commentCount];
  return [entity.title, entity.commentCount, entity.approvedCount, entity.score, entity.pinnedCount];
}

/** Asserts that every count is exact. */
export async function expectExactArticles(schema: Schema): Promise<void> {
  for (const entity of [Article, Section]) {
    const chunks = await Array.fromAsync(verify(schema.em(), entity));
    expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
  }
}

/** Adds a section with two articles, and an article that is in none. */
export async function addArticles(schema: Schema): Promise<{ section: number; articles: [number, number, number] }> {
  const em = schema.em();
  const section = em.create(Section, {});
  const made = [section, section, null].map(one => em.create(Article, { section: one }));
  await em.flush();
  return { section: section.id, articles: made.map(({ id }) => id) as [number, number, number] };
}
