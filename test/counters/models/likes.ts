import { defineEntity, p } from '@mikro-orm/core';
import { defineCounter } from 'mikro-orm-counters';
import type { StoredCount } from '../../support/exact-counts.js';
import type { SchemaOptions } from '../../support/schema.js';

const count = () => p.integer().unsigned().default(0);
const counts = {
  likeCount: count(),
  shownCount: count(),
  weight: p.integer().default(0),
  changes: p.integer().default(0),
};

const BlogSchema = defineEntity({
  name: 'Blog',
  tableName: 'blog',
  properties: { id: p.integer().primary(), postCount: count() },
});
/** A target of posts, which are targets themselves. */
export class Blog extends BlogSchema.class {}
BlogSchema.setClass(Blog);

const PostSchema = defineEntity({
  name: 'Post',
  tableName: 'post',
  properties: {
    id: p.integer().primary(),
    blog: () => p.manyToOne(Blog).nullable().deleteRule('restrict').updateRule('restrict'),
    ...counts,
  },
});
export class Post extends PostSchema.class {}
PostSchema.setClass(Post);

const PhotoSchema = defineEntity({
  name: 'Photo',
  tableName: 'photo',
  properties: { id: p.integer().primary(), ...counts },
});
export class Photo extends PhotoSchema.class {}
PhotoSchema.setClass(Photo);

const VideoSchema = defineEntity({
  name: 'Video',
  tableName: 'video',
  properties: { id: p.integer().primary(), shownCount: count() },
});
/** A target with a count of some of its rows alone. */
export class Video extends VideoSchema.class {}
VideoSchema.setClass(Video);

const LikeSchema = defineEntity({
  name: 'Like',
  tableName: 'likes',
  properties: {
    id: p.integer().primary(),
    likeable: () => p.manyToOne([Post, Photo, Video]).nullable(),
    shown: p.boolean().default(true),
    weight: p.integer().default(1),
  },
});
/** A row that refers to a post, to a photo or to a video. */
export class Like extends LikeSchema.class {}
LikeSchema.setClass(Like);

/** Counters by a relation to several entities, one for each. */
export const album: SchemaOptions = {
  entities: [Blog, Post, Photo, Video, Like],
  counters: [
    ...[Post, Photo].flatMap(target => [
      defineCounter({ counted: Like, by: 'likeable', target, into: 'likeCount', touch: 'changes' }),
      defineCounter({ counted: Like, by: 'likeable', target, into: 'shownCount', where: { shown: true } }),
      defineCounter({ counted: Like, by: 'likeable', target, into: 'weight', sum: 'weight', where: { shown: true } }),
    ]),
    defineCounter({ counted: Like, by: 'likeable', target: Video, into: 'shownCount', where: { shown: true } }),
    defineCounter({ counted: Post, by: 'blog', into: 'postCount' }),
  ],
};

/** What each target stores. */
export const likeCounts: readonly StoredCount[] = [
  ...['post', 'photo'].flatMap(target => {
    const of = { target, counted: 'likes', by: { id: 'likeable_id' } };
    return [
      { ...of, column: 'like_count', where: `c.likeable_type = '${target}'` },
      { ...of, column: 'shown_count', where: `c.likeable_type = '${target}' and c.shown` },
    ];
  }),
  {
    target: 'video',
    counted: 'likes',
    by: { id: 'likeable_id' },
    column: 'shown_count',
    where: "c.likeable_type = 'video' and c.shown",
  },
  { target: 'blog', column: 'post_count', counted: 'post', by: { id: 'blog_id' } },
];
