import { type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import type { SqlEntityManager } from '@mikro-orm/sql';
import {
  adjust,
  counterMigration,
  countersInto,
  defineCounter,
  deleteWhere,
  insertMany,
  recount,
  updateWhere,
  verify,
} from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';

const rules = { deleteRule: 'restrict', updateRule: 'restrict' } as const;

/** A target with one column for the rows of several counters. */
@Entity({ tableName: 'person' })
class Person {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly postCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly sentCount: Opt<number> = 0;
}

/** A row that is counted once for each of its two targets. */
@Entity({ tableName: 'letter' })
class Letter {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Person, { ref: true, ...rules })
  sender!: Ref<Person>;

  @ManyToOne(() => Person, { ref: true, nullable: true, ...rules })
  recipient?: Ref<Person> | null;
}

/** A row of another entity that is counted into the same column. */
@Entity({ tableName: 'parcel' })
class Parcel {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Person, { ref: true, ...rules })
  recipient!: Ref<Person>;

  @Property({ type: 'boolean', default: false })
  lost: Opt<boolean> = false;
}

describeOnEngineDatabases('counters that share a column', kind => {
  const schema = useSchema(kind, {
    entities: [Person, Letter, Parcel],
    counters: [
      defineCounter({ counted: Letter, by: 'sender', into: 'postCount' }),
      defineCounter({ counted: Letter, by: 'sender', into: 'sentCount' }),
      defineCounter({ counted: Letter, by: 'recipient', into: 'postCount' }),
      defineCounter({ counted: Parcel, by: 'recipient', into: 'postCount', where: { lost: false } }),
    ],
  });

  /** Asserts by COUNT(*) that every person stores all letters and parcels, as none of the counters does alone. */
  async function exact(): Promise<void> {
    const rows = await schema.rows(
      `select * from (select p.id, p.post_count as in_column, p.sent_count as sent,
        (select count(*) from letter l where l.sender_id = p.id) as from_them,
        (select count(*) from letter l where l.recipient_id = p.id)
        + (select count(*) from parcel l where l.recipient_id = p.id and not l.lost) as to_them from person p) counts
        where in_column <> from_them + to_them or sent <> from_them`,
    );
    expect(rows).toEqual([]);
  }

  async function people(em: SqlEntityManager, amount = 3): Promise<Person[]> {
    const made = Array.from({ length: amount }, () => em.create(Person, {}));
    await em.flush();
    return made;
  }

  const shown = (all: readonly Person[]): number[] => all.map(({ postCount }) => postCount);

  it('a row adds to both of its targets, and twice where they are one', async () => {
    const em = schema.em();
    const [a, b, c] = (await people(em)) as [Person, Person, Person];
    const letter = em.create(Letter, { sender: a, recipient: b });
    em.create(Letter, { sender: a, recipient: a });
    em.create(Letter, { sender: a });
    em.create(Parcel, { recipient: a });
    await em.flush();
    await exact();
    expect(shown([a, b, c])).toEqual([5, 1, 0]);
    em.assign(letter, { sender: b, recipient: a });
    await em.flush();
    await exact();
    expect(shown([a, b, c])).toEqual([5, 1, 0]);
    const other = schema.em();
    for (const one of await other.find(Letter, { recipient: a })) other.assign(one, { recipient: c.id });
    for (const one of await other.find(Parcel, {})) one.lost = true;
    await other.flush();
    await exact();
    for (const type of [Letter, Parcel]) for (const one of await other.find<object>(type, {})) other.remove(one);
    await other.flush();
    await exact();
  });

  it('rows of both entities and their target are created and removed in one flush', async () => {
    const em = schema.em();
    const one = em.create(Person, {});
    const rows = [
      em.create(Letter, { sender: one, recipient: one }),
      em.create(Letter, { sender: one }),
      em.create(Parcel, { recipient: one }),
    ];
    await em.flush();
    await exact();
    expect([one.postCount, one.sentCount]).toEqual([4, 2]);
    for (const row of [...rows, one]) em.remove(row);
    await em.flush();
    expect(await schema.rows('select * from person')).toEqual([]);
  });

  it('bulk writes add to both targets of their rows', async () => {
    const em = schema.em();
    const all = await people(em);
    const [a, b, c] = all as [Person, Person, Person];
    await insertMany(em, Letter, [
      { sender: a, recipient: b },
      { sender: b, recipient: a },
      { sender: a, recipient: a },
    ]);
    await insertMany(em, Parcel, [{ recipient: b }, { recipient: c, lost: true }]);
    await exact();
    expect(shown(all)).toEqual([4, 3, 0]);
    await updateWhere(em, Letter, { sender: a }, { recipient: c });
    await updateWhere(em, Parcel, {}, { lost: false, recipient: a });
    await exact();
    expect(shown(all)).toEqual([5, 1, 2]);
    await deleteWhere(em, Letter, { sender: a });
    await exact();
    expect(shown(all)).toEqual([3, 1, 0]);
  });

  it('verify compares with the rows of all, and a recount and an adjustment are of all at once', async () => {
    const em = schema.em();
    const [a, b] = (await people(em)) as [Person, Person];
    await insertMany(em, Letter, [{ sender: a, recipient: b }]);
    await insertMany(em, Parcel, [{ recipient: a }]);
    expect(countersInto(em, Person).map(({ name }) => name)).toEqual(['Person.postCount', 'Person.sentCount']);
    await schema.write('update person set post_count = 9 where id = ?', [a.id]);
    const drifts = [];
    for await (const chunk of verify(em, Person)) drifts.push(...chunk.drifts);
    expect(drifts).toEqual([{ counter: 'Person.postCount', key: [a.id], stored: 9, actual: 2, place: 1 }]);
    const change = { counter: 'Person.postCount', key: [a.id], before: 9, after: 2 };
    expect(await em.transactional(inner => recount(inner, Person, [a.id]))).toEqual([change]);
    await exact();
    expect(await em.transactional(inner => adjust(inner, Person, [a.id], { 'Person.postCount': 7 }))).toEqual([
      { ...change, before: 2, after: 9 },
    ]);
    expect(await schema.rows('select post_count as posts from person order by id')).toEqual([
      { posts: 9 },
      { posts: 1 },
      { posts: 0 },
    ]);
  });

  it('a migration beside running servers is refused, because these may know one of the counters alone', async () => {
    await expect(counterMigration(schema.em(), 'Person.postCount').up()).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringContaining('stores the rows of several counters'),
    });
  });
});
