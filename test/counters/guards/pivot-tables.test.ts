import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import {
  Club,
  clubs,
  expectExactClubs,
  expectExactWalkers,
  Membership,
  Person,
  Walker,
  walkers,
} from '../models/clubs.js';

describeOnEngineDatabases('a counted pivot table', kind => {
  const schema = useSchema(kind, clubs);
  const exact = () => expectExactClubs(schema);

  async function addMember(): Promise<{ club: number; person: number }> {
    const em = schema.em();
    const [club, person] = [em.create(Club, {}), em.create(Person, {})];
    await em.flush();
    em.create(Membership, { club, person });
    await em.flush();
    return { club: club.id, person: person.id };
  }

  it('rows of a counted pivot table are counted when they are written as entities', async () => {
    const { club, person } = await addMember();
    await exact();
    const em = schema.em();
    em.remove(await em.findOneOrFail(Membership, { club, person }));
    await em.flush();
    expect(await schema.rows('select member_count as members from club')).toEqual([{ members: 0 }]);
    await exact();
  });

  it('rows cannot be added to a counted pivot table through the owning collection', async () => {
    const { person } = await addMember();
    const em = schema.em();
    const loaded = await em.findOneOrFail(Person, person, { populate: ['clubs'] });
    loaded.clubs.add(em.create(Club, {}));
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_BYPASS',
      message: expect.stringMatching(/"(clubs|people)"/),
    });
    expect(await schema.rows('select * from membership')).toHaveLength(1);
    await exact();
  });

  it('a counted pivot table cannot be emptied through the owning collection', async () => {
    const { person } = await addMember();
    const em = schema.em();
    (await em.findOneOrFail(Person, person, { populate: ['clubs'] })).clubs.removeAll();
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    expect(await schema.rows('select * from membership')).toHaveLength(1);
    await exact();
  });

  it('a counted pivot table cannot be written through the inverse collection', async () => {
    const { club } = await addMember();
    const em = schema.em();
    const loaded = await em.findOneOrFail(Club, club, { populate: ['people'] });
    loaded.people.add(em.create(Person, {}));
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    const again = schema.em();
    (await again.findOneOrFail(Club, club, { populate: ['people'] })).people.removeAll();
    await expect(again.flush()).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    expect(await schema.rows('select * from membership')).toHaveLength(1);
    await exact();
  });
});

describeOnEngineDatabases('a counted pivot table of one entity with itself', kind => {
  const schema = useSchema(kind, walkers);

  it('a counted pivot table of one entity with itself cannot be written through collections of new entities that hold each other', async () => {
    const em = schema.em();
    const [one, other] = [em.create(Walker, {}), em.create(Walker, {})];
    one.friends.add(one, other);
    other.friends.add(one);
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_BYPASS',
      message: expect.stringContaining('"friends"'),
    });
    expect(await schema.rows('select * from friendship')).toEqual([]);
    await expectExactWalkers(schema);
  });
});
