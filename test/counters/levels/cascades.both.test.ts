import { expect, it } from 'vitest';
import { deleteWhere, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import {
  addForums,
  expectExactForums,
  Forum,
  forumThatGoes,
  Message,
  Realm,
  Topic,
} from '../models/forum-that-goes.js';

describeOnEngineDatabases('rows between levels that the database removes with others', kind => {
  const schema = useSchema(kind, forumThatGoes);
  const amountOf = async (table: string): Promise<number> =>
    Number((await schema.rows<{ n: unknown }>(`select count(*) as n from ${table}`))[0]!.n);
  const expectRows = async (forums: number, topics: number, messages: number): Promise<void> => {
    expect([await amountOf('forum'), await amountOf('topic'), await amountOf('message')]).toEqual([
      forums,
      topics,
      messages,
    ]);
    await expectExactForums(schema);
  };

  it('a forum takes its topics and their messages along, and its realm counts without them', async () => {
    const { realms, forums } = await addForums(schema);
    const em = schema.em();
    const realm = await em.findOneOrFail(Realm, realms[0]!);
    expect(realm.postCount).toBe(4);
    await em.remove(em.getReference(Forum, forums[0]!)).flush();
    expect(realm.postCount).toBe(0);
    await expectRows(2, 2, 6);
  });

  it('a topic takes its messages along, at all levels above', async () => {
    const { realms, forums, topics } = await addForums(schema);
    const em = schema.em();
    const [forum, realm] = [await em.findOneOrFail(Forum, forums[0]!), await em.findOneOrFail(Realm, realms[0]!)];
    await em.remove(await em.findOneOrFail(Topic, topics[0]!)).flush();
    expect([forum.postCount, forum.points, forum.topicCount, realm.postCount]).toEqual([2, '3.75', 1, 2]);
    await expectRows(3, 3, 9);
  });

  it('topics that come, move away and go in the flush that removes their forum are counted, and so are their messages', async () => {
    const { realms, forums, topics } = await addForums(schema);
    const em = schema.em();
    const [from, to] = await em.find(Forum, { id: forums.slice(0, 2) }, { orderBy: { id: 'asc' } });
    const [moving, going, other] = await em.find(Topic, { id: topics.slice(0, 3) }, { orderBy: { id: 'asc' } });
    const [first, second, third] = await em.find(Message, { topic: going! }, { orderBy: { id: 'asc' } });
    em.assign(moving!, { forum: to! });
    em.create(Message, { topic: moving!, points: '8.00' });
    em.create(Message, { topic: going!, points: '16.00' });
    em.assign(first!, { topic: other! });
    em.assign(second!, { points: '0.50' });
    em.assign(third!, { hidden: false, topic: moving! });
    em.create(Message, { topic: em.create(Topic, { forum: to! }), points: '0.25' });
    em.remove(from!);
    await em.flush();
    expect([to!.postCount, to!.topicCount, Number(to!.points)]).toEqual([8, 3, 21]);
    expect((await schema.em().findOneOrFail(Realm, realms[1]!)).postCount).toBe(8);
    await expectRows(2, 4, 13);
  });

  it('removing a forum with its loaded topics counts each once', async () => {
    const { forums } = await addForums(schema);
    const em = schema.em();
    const forum = await em.findOneOrFail(Forum, forums[0]!, { populate: ['topics'] });
    for (const topic of forum.topics) em.remove(topic);
    await em.remove(forum).flush();
    await expectRows(2, 2, 6);
  });

  it('bulk writes of forums and topics count what the database removes with them', async () => {
    const { forums, topics } = await addForums(schema);
    expect(await deleteWhere(schema.em(), Topic, { id: [topics[0]!, topics[2]!] })).toBe(2);
    await expectRows(3, 2, 6);
    expect(await updateWhere(schema.em(), Topic, { id: topics[3]! }, { forum: forums[1]! })).toBe(1);
    await expectExactForums(schema);
    expect(await deleteWhere(schema.em(), Forum, { realm: { $ne: null } })).toBe(2);
    await expectRows(1, 0, 0);
  });

  it('a rollback leaves every level as it was', async () => {
    const { realms, forums } = await addForums(schema);
    const em = schema.em();
    const realm = await em.findOneOrFail(Realm, realms[0]!);
    await expect(
      em.transactional(async inner => {
        await inner.remove(inner.getReference(Forum, forums[0]!)).flush();
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(realm.postCount).toBe(4);
    await expectRows(3, 4, 12);
  });
});
