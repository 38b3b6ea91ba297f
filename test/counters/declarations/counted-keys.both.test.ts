import { expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { expectExactKeys, keys, Lecture, Seat } from '../models/keys.js';

async function addLectures(schema: Schema, amount: number): Promise<number[]> {
  const em = schema.em();
  const lectures = Array.from({ length: amount }, () => em.create(Lecture, {}));
  await em.flush();
  return lectures.map(({ id }) => id);
}

async function seatsOf(schema: Schema, id: number): Promise<[number, number]> {
  const [row] = await schema.rows<{ seats: number; present: number }>(
    'select seat_count as seats, present_count as present from lecture where id = ?',
    [id],
  );
  return [Number(row!.seats), Number(row!.present)];
}

describeOnEngineDatabases('a counted row whose key is its foreign key and a number', kind => {
  const schema = useSchema(kind, keys);

  it('a counted row whose key includes its foreign key is created, changed and removed', async () => {
    const [lecture] = await addLectures(schema, 1);
    const em = schema.em();
    const seats = [1, 2, 3].map(place => em.create(Seat, { lecture: lecture!, place, present: place === 1 }));
    await em.flush();
    expect(await seatsOf(schema, lecture!)).toEqual([3, 1]);
    seats[1]!.present = true;
    await em.flush();
    expect(await seatsOf(schema, lecture!)).toEqual([3, 2]);
    em.remove(seats[0]!);
    await em.flush();
    expect(await seatsOf(schema, lecture!)).toEqual([2, 1]);
    await expectExactKeys(schema);
  });

  it('a counted row whose key includes its foreign key is removed by reference', async () => {
    const [lecture] = await addLectures(schema, 1);
    const setup = schema.em();
    setup.create(Seat, { lecture: lecture!, place: 7, present: true });
    await setup.flush();
    const em = schema.em();
    em.remove(em.getReference(Seat, [lecture!, 7]));
    await em.flush();
    expect(await seatsOf(schema, lecture!)).toEqual([0, 0]);
    await expectExactKeys(schema);
  });

  it('a counted row whose key includes its foreign key is created together with its target', async () => {
    const em = schema.em();
    const lecture = em.create(Lecture, {});
    em.create(Seat, { lecture, place: 1 });
    await em.flush();
    expect(await seatsOf(schema, lecture.id)).toEqual([1, 0]);
    await expectExactKeys(schema);
  });

  it('a counted row whose key includes its foreign key moves to another target, which changes its key', async () => {
    const [from, to] = await addLectures(schema, 2);
    const setup = schema.em();
    setup.create(Seat, { lecture: from!, place: 1, present: true });
    await setup.flush();
    const em = schema.em();
    const seat = await em.findOneOrFail(Seat, [from!, 1] as never);
    seat.lecture = em.getReference(Lecture, to!, { wrapped: true });
    await em.flush();
    expect([await seatsOf(schema, from!), await seatsOf(schema, to!)]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    await expectExactKeys(schema);
  });

  it('a counted row whose key includes its foreign key changes its key and its condition in one save', async () => {
    const [lecture] = await addLectures(schema, 1);
    const setup = schema.em();
    setup.create(Seat, { lecture: lecture!, place: 1 });
    await setup.flush();
    const em = schema.em();
    Object.assign(await em.findOneOrFail(Seat, [lecture!, 1] as never), { place: 2, present: true });
    await em.flush();
    expect(await seatsOf(schema, lecture!)).toEqual([1, 1]);
    await expectExactKeys(schema);
  });

  it('bulk writes count rows whose key includes their foreign key', async () => {
    const [first, second] = await addLectures(schema, 2);
    const rows = [1, 2, 3, 4].map(place => ({ lecture: place % 2 ? first! : second!, place }));
    expect(await insertMany(schema.em(), Seat, rows)).toBe(4);
    await expectExactKeys(schema);
    expect(await updateWhere(schema.em(), Seat, { place: { $lte: 2 } }, { present: true })).toBe(2);
    await expectExactKeys(schema);
    expect(await deleteWhere(schema.em(), Seat, { lecture: first! })).toBe(2);
    expect([await seatsOf(schema, first!), await seatsOf(schema, second!)]).toEqual([
      [0, 0],
      [2, 1],
    ]);
    await expectExactKeys(schema);
  });
});
