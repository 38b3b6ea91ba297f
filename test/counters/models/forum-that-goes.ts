import { defineEntity, p, type Collection } from '@mikro-orm/core';
import { expect } from 'vitest';
import { defineCounter, verify } from 'mikro-orm-counters';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const RealmSchema = defineEntity({
  name: 'Realm',
  properties: { id: p.integer().primary(), postCount: p.integer().unsigned().default(0) },
});
/** What forums are in, and what stays when they go. */
export class Realm extends RealmSchema.class {}
RealmSchema.setClass(Realm);

const ForumSchema = defineEntity({
  name: 'Forum',
  properties: {
    id: p.integer().primary(),
    realm: () => p.manyToOne(Realm).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    topics: () => p.oneToMany(Topic).mappedBy('forum'),
    topicCount: p.integer().unsigned().default(0),
    postCount: p.integer().unsigned().default(0),
    points: p.decimal().precision(12).scale(2).default(0),
  },
});
/** A target that takes its topics along. */
export class Forum extends ForumSchema.class {
  declare topics: Collection<Topic>;
}
ForumSchema.setClass(Forum);

const TopicSchema = defineEntity({
  name: 'Topic',
  properties: {
    id: p.integer().primary(),
    forum: () => p.manyToOne(Forum).ref().nullable().deleteRule('cascade').updateRule('restrict'),
    postCount: p.integer().unsigned().default(0),
    points: p.decimal().precision(12).scale(2).default(0),
  },
});
/** A target that takes its messages along, and goes with its forum. */
export class Topic extends TopicSchema.class {}
TopicSchema.setClass(Topic);

const MessageSchema = defineEntity({
  name: 'Message',
  properties: {
    id: p.integer().primary(),
    topic: () => p.manyToOne(Topic).ref().deleteRule('cascade').updateRule('restrict'),
    points: p.decimal().precision(8).scale(2).default(0),
    hidden: p.boolean().default(false),
  },
});
/** A row that goes with its topic, and with its topic's forum. */
export class Message extends MessageSchema.class {}
MessageSchema.setClass(Message);

const seen = { hidden: false };

/** Realms of forums of topics of messages, of which the database deletes topics and messages with their forum. */
export const forumThatGoes: SchemaOptions = {
  entities: [Realm, Forum, Topic, Message],
  counters: [
    defineCounter({ counted: Message, by: 'topic', into: 'postCount', where: seen }),
    defineCounter({ counted: Message, by: 'topic', into: 'points', sum: 'points', where: seen }),
    defineCounter({ counted: Message, by: 'topic.forum', into: 'postCount', where: seen }),
    defineCounter({ counted: Message, by: 'topic.forum', into: 'points', sum: 'points', where: seen }),
    defineCounter({ counted: Message, by: 'topic.forum.realm', into: 'postCount', where: seen }),
    defineCounter({ counted: Topic, by: 'forum', into: 'topicCount' }),
  ],
};

/** Asserts what is stored on each level, by queries of their own, and that verify agrees. */
export async function expectExactForums(schema: Schema): Promise<void> {
  const seenSql = schema.kind === 'postgresql' ? 'not p.hidden' : 'p.hidden = 0';
  const of = (what: string, where: string): string =>
    `(select ${what} from message p join topic t on t.id = p.topic_id left join forum f on f.id = t.forum_id where ${where} and ${seenSql})`;
  const rows = [
    ...(await schema.rows(
      `select 'topic' as level, x.id, x.post_count as kept, ${of('count(*)', 't.id = x.id')} as actual, x.points, ${of('coalesce(sum(p.points), 0)', 't.id = x.id')} as total from topic x`,
    )),
    ...(await schema.rows(
      `select 'forum' as level, x.id, x.post_count as kept, ${of('count(*)', 'f.id = x.id')} as actual, x.points, ${of('coalesce(sum(p.points), 0)', 'f.id = x.id')} as total from forum x`,
    )),
    ...(await schema.rows(
      `select 'topics' as level, x.id, x.topic_count as kept, (select count(*) from topic t where t.forum_id = x.id) as actual, 0 as points, 0 as total from forum x`,
    )),
    ...(await schema.rows(
      `select 'realm' as level, x.id, x.post_count as kept, ${of('count(*)', 'f.realm_id = x.id')} as actual, 0 as points, 0 as total from realm x`,
    )),
  ];
  const wrong = rows.filter(
    ({ kept, actual, points, total }) =>
      Number(kept) !== Number(actual) || Math.round(Number(points) * 100) !== Math.round(Number(total) * 100),
  );
  expect(wrong).toEqual([]);
  for (const entity of [Topic, Forum, Realm]) {
    const chunks = await Array.fromAsync(verify(schema.em(), entity));
    expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
  }
}

/** The ids of two realms, three forums, of which the last is in no realm, and four topics with three messages each. */
export interface ForumIds {
  readonly realms: readonly number[];
  readonly forums: readonly number[];
  readonly topics: readonly number[];
}

/** Adds these. */
export async function addForums(schema: Schema): Promise<ForumIds> {
  const em = schema.em();
  const realms = [em.create(Realm, {}), em.create(Realm, {})];
  const forums = [realms[0]!, realms[1]!, null].map(realm => em.create(Forum, { realm }));
  const topics = [forums[0]!, forums[0]!, forums[1]!, forums[2]!].map(forum => em.create(Topic, { forum }));
  await em.flush();
  for (const topic of topics)
    for (const points of ['1.25', '2.50', '4.00']) em.create(Message, { topic, points, hidden: points === '4.00' });
  await em.flush();
  const ids = (rows: readonly { readonly id: number }[]): number[] => rows.map(({ id }) => id);
  return { realms: ids(realms), forums: ids(forums), topics: ids(topics) };
}
