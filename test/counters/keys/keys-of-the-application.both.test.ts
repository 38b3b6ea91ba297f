import { expect, it } from 'vitest';
import { insertMany, recount, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { useCaselessKeys } from '../../support/caseless-keys.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import {
  expectExactQueues,
  Lane,
  Member,
  ParkedTicket,
  Profile,
  Queue,
  queues,
  Ticket,
  Visit,
} from '../models/queues.js';

describeOnEngineDatabases('keys that the application makes', kind => {
  const schema = useSchema(kind, queues);

  it('a new target is saved with rows that have only its key', async () => {
    const em = schema.em();
    const queue = em.create(Queue, { name: 'new' });
    for (let row = 0; row < 2; row += 1) em.create(Ticket, { queue: 'new' });
    await em.flush();
    expect(queue.ticketCount).toBe(2);
    await expectExactQueues(schema);
    em.create(Ticket, { queue: 'new' });
    await em.flush();
    expect(queue.ticketCount).toBe(3);
    await expectExactQueues(schema);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
  });

  it('rows move by their plain keys to a target that the same flush inserts', async () => {
    const setup = schema.em();
    setup.create(Queue, { name: 'old' });
    setup.create(Ticket, { queue: 'old' });
    await setup.flush();
    const em = schema.em();
    const old = await em.findOneOrFail(Queue, 'old');
    const queue = em.create(Queue, { name: 'new' });
    const ticket = await em.findOneOrFail(Ticket, { queue: 'old' });
    ticket.queue = 'new';
    await em.flush();
    expect([old.ticketCount, queue.ticketCount]).toEqual([0, 1]);
    await expectExactQueues(schema);
    em.remove(ticket);
    await em.flush();
    await expectExactQueues(schema);
  });

  it('a row with the plain key of a target that is not there fails with COUNTER_TARGET_MISSING', async () => {
    const em = schema.em();
    em.create(Queue, { name: 'new' });
    em.create(Ticket, { queue: 'other' });
    await expect(em.flush()).rejects.toThrow();
    await expectExactQueues(schema);
    expect(await schema.rows('select id from ticket')).toEqual([]);
  });

  // SQLite compares keys exactly.
  if (kind !== 'sqlite') {
    useCaselessKeys(schema, { 'queue.name': 'varchar(20)', 'ticket.queue_name': 'varchar(20)' });

    it('rows that spell the key of a new target in another case are counted with it', async () => {
      const em = schema.em();
      const queue = em.create(Queue, { name: 'News' });
      for (const name of ['NEWS', 'news', 'News']) em.create(Ticket, { queue: name });
      await em.flush();
      await expectExactQueues(schema);
      expect(await schema.rows('select ticket_count from queue')).toEqual([{ ticket_count: 3 }]);
      expect(queue.ticketCount).toBe(3);
    });

    it('a loaded target shows the count of rows that spell its key in another case', async () => {
      const setup = schema.em();
      setup.create(Queue, { name: 'News' });
      await setup.flush();
      const em = schema.em();
      const queue = await em.findOneOrFail(Queue, 'News');
      const tickets = ['NEWS', 'nEWS'].map(name => em.create(Ticket, { queue: name }));
      await em.flush();
      expect(queue.ticketCount).toBe(2);
      tickets[0]!.queue = 'news';
      em.remove(tickets[1]!);
      await em.flush();
      expect(queue.ticketCount).toBe(1);
      await expectExactQueues(schema);
    });
  }

  it('rows move to a target in the flush that changes its key', async () => {
    const setup = schema.em();
    setup.create(Lane, { id: 1 });
    setup.create(Lane, { id: 3 });
    setup.create(ParkedTicket, { lane: 3 });
    await setup.flush();
    const em = schema.em();
    const lane = await em.findOneOrFail(Lane, 1);
    lane.id = 2;
    em.assign(await em.findOneOrFail(ParkedTicket, { lane: 3 }), { lane });
    await em.flush();
    expect(await schema.rows('select id, ticket_count from lane order by id')).toEqual([
      { id: 2, ticket_count: 1 },
      { id: 3, ticket_count: 0 },
    ]);
    expect(lane.ticketCount).toBe(1);
    await expectExactQueues(schema);
  });

  it('a row is added to a target in the flush that changes its key, where hooks count', async () => {
    const setup = schema.em();
    setup.create(Lane, { id: 1 });
    await setup.flush();
    // The row is inserted before the key is there, which the foreign key has to allow until the end.
    if (kind === 'postgresql')
      await schema.write('alter table parked_ticket alter constraint parked_ticket_lane_id_foreign deferrable');
    const [allow, restore] = {
      sqlite: ['pragma defer_foreign_keys = on'],
      postgresql: ['set constraints all deferred'],
      mysql: ['set session foreign_key_checks = 0', 'set session foreign_key_checks = 1'],
      mariadb: ['set session foreign_key_checks = 0', 'set session foreign_key_checks = 1'],
    }[kind] as [string, string?];
    const flushed = schema.em().transactional(async em => {
      const lane = await em.findOneOrFail(Lane, 1);
      lane.id = 2;
      em.create(ParkedTicket, { lane });
      await em.execute(allow);
      try {
        await em.flush();
      } finally {
        if (restore) await em.execute(restore);
      }
      return lane;
    });
    if (strategy === 'triggers') {
      await expect(flushed).rejects.toMatchObject({
        code: 'COUNTER_TARGET_MISSING',
        message: expect.stringContaining('Flush the change of the key first.'),
      });
      expect(await schema.rows('select id, ticket_count from lane')).toEqual([{ id: 1, ticket_count: 0 }]);
    } else {
      expect((await flushed).ticketCount).toBe(1);
      expect(await schema.rows('select id, ticket_count from lane')).toEqual([{ id: 2, ticket_count: 1 }]);
    }
    await expectExactQueues(schema);
  });

  it('rows to which the database gives a target are counted there', async () => {
    const setup = schema.em();
    setup.create(Lane, { id: 1 });
    await setup.flush();
    setup.create(ParkedTicket, {});
    await setup.flush();
    expect(await schema.rows('select ticket_count from lane')).toEqual([{ ticket_count: 1 }]);
    for (let row = 0; row < 2; row += 1) setup.create(ParkedTicket, {});
    setup.create(ParkedTicket, { lane: null });
    await setup.flush();
    await expectExactQueues(schema);
    setup.create(ParkedTicket, { lane: setup.create(Lane, { id: 2 }) });
    setup.create(ParkedTicket, {});
    await setup.flush();
    await expectExactQueues(schema);
  });

  it('a bulk write of rows to which the database would give a target is refused, and writes nothing', async () => {
    const em = schema.em();
    em.create(Lane, { id: 1 });
    await em.flush();
    await expect(insertMany(em, ParkedTicket, [{ lane: 1 }, {}])).rejects.toMatchObject({
      code: 'COUNTER_BYPASS',
      message: expect.stringContaining('lane_id'),
    });
    expect(await schema.rows('select id from parked_ticket')).toEqual([]);
    await insertMany(em, ParkedTicket, [{ lane: 1 }, { lane: null }]);
    await expectExactQueues(schema);
  });

  it('a target whose key is a relation is created, counts, and is verified and recounted', async () => {
    const em = schema.em();
    const profiles = [0, 1].map(() => em.create(Profile, { member: em.create(Member, {}) }));
    const visits = [0, 0, 1].map(index => em.create(Visit, { profile: profiles[index]! }));
    await em.flush();
    expect(profiles.map(({ visitCount }) => visitCount)).toEqual([2, 1]);
    await expectExactQueues(schema);
    const other = schema.em();
    const loaded = await other.find(Profile, {}, { orderBy: { member: 'asc' } });
    const visit = await other.findOneOrFail(Visit, visits[0]!.id);
    other.assign(visit, { profile: loaded[1]! });
    other.remove(await other.findOneOrFail(Visit, visits[1]!.id));
    await other.flush();
    expect(loaded.map(({ visitCount }) => visitCount)).toEqual([0, 2]);
    await expectExactQueues(schema);
    await schema.write('update profile set visit_count = 9');
    for await (const { drifts } of verify(other, Profile))
      for (const { key } of drifts) await other.transactional(inner => recount(inner as never, Profile, key));
    await expectExactQueues(schema);
    expect(loaded.map(({ visitCount }) => visitCount)).toEqual([0, 2]);
  });
});
