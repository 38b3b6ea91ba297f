import { afterEach, expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import {
  addBoxes,
  addLetter,
  Box,
  boxCounts,
  expectExactLetters,
  Letter,
  letters,
  Postage,
} from '../models/letters.js';

describeOnEngineDatabases('an entity hook', kind => {
  const schema = useSchema(kind, letters);
  afterEach(() => {
    Letter.hooks = {};
  });

  it('an entity hook that sets the condition before the insert is counted', async () => {
    const [box] = await addBoxes(schema, 1);
    Letter.hooks.beforeCreate = letter => void (letter.binned = true);
    const em = schema.em();
    em.create(Letter, { box: box!, postage: Postage.PAID });
    await em.flush();
    expect(await boxCounts(schema, box!)).toEqual([1, 0, 1]);
    await expectExactLetters(schema);
  });

  it('an entity hook that sets the foreign key before the insert is counted', async () => {
    const [box] = await addBoxes(schema, 1);
    const em = schema.em();
    Letter.hooks.beforeCreate = letter => void (letter.box = em.getReference(Box, box!, { wrapped: true }));
    em.create(Letter, { postage: Postage.PAID });
    await em.flush();
    expect(await boxCounts(schema, box!)).toEqual([1, 0, 0]);
    await expectExactLetters(schema);
  });

  it('an entity hook that sets another foreign key before the insert is counted at that target only', async () => {
    const [first, second] = await addBoxes(schema, 2);
    const em = schema.em();
    const loaded = await em.find(Box, {}, { orderBy: { id: 'asc' } });
    Letter.hooks.beforeCreate = letter => void (letter.box = em.getReference(Box, second!, { wrapped: true }));
    em.create(Letter, { box: first!, postage: Postage.PAID });
    await em.flush();
    expect([await boxCounts(schema, first!), await boxCounts(schema, second!)]).toEqual([
      [0, 0, 0],
      [1, 0, 0],
    ]);
    expect(loaded[0]!.letterCount).toBe(0);
    await expectExactLetters(schema);
  });

  it('an entity hook that changes the condition of a row whose condition changes anyway is counted', async () => {
    const [box] = await addBoxes(schema, 1);
    const id = await addLetter(schema, box!, { postage: Postage.PAID });
    Letter.hooks.beforeUpdate = letter => void (letter.binned = true);
    const em = schema.em();
    (await em.findOneOrFail(Letter, id)).postage = Postage.FREE;
    await em.flush();
    expect(await boxCounts(schema, box!)).toEqual([1, 1, 1]);
    await expectExactLetters(schema);
  });

  it.each(['implicit', 'explicit'])(
    'an entity hook that changes the condition of a row that was only edited throws COUNTER_LATE_CHANGE and is undone (%s transaction)',
    async way => {
      const [box] = await addBoxes(schema, 1);
      const id = await addLetter(schema, box!, { postage: Postage.PAID });
      Letter.hooks.beforeUpdate = letter => void (letter.binned = true);
      const work = async (em: ReturnType<typeof schema.em>) => {
        (await em.findOneOrFail(Letter, id)).text = 'Edited';
        await em.flush();
      };
      const done = way === 'implicit' ? work(schema.em()) : schema.em().transactional(em => work(em as never));
      await expect(done).rejects.toMatchObject({
        code: 'COUNTER_LATE_CHANGE',
        message: expect.stringContaining(`Letter ${id}`),
      });
      expect(await schema.rows('select text from letter where not binned')).toEqual([{ text: '' }]);
      await expectExactLetters(schema);
    },
  );

  it('an entity hook may change other properties of a row', async () => {
    const [box] = await addBoxes(schema, 1);
    const id = await addLetter(schema, box!);
    Letter.hooks.beforeUpdate = letter => void (letter.text += '!');
    const em = schema.em();
    (await em.findOneOrFail(Letter, id)).text = 'Edited';
    await em.flush();
    expect(await schema.rows('select text from letter')).toEqual([{ text: 'Edited!' }]);
    await expectExactLetters(schema);
  });

  it('an entity hook that moves a row before the update of its condition is counted', async () => {
    const [first, second] = await addBoxes(schema, 2);
    const id = await addLetter(schema, first!);
    const em = schema.em();
    Letter.hooks.beforeUpdate = letter => void (letter.box = em.getReference(Box, second!, { wrapped: true }));
    (await em.findOneOrFail(Letter, id)).postage = Postage.PAID;
    await em.flush();
    expect([await boxCounts(schema, first!), await boxCounts(schema, second!)]).toEqual([
      [0, 0, 0],
      [1, 0, 0],
    ]);
    await expectExactLetters(schema);
  });

  it('an entity hook that changes the condition after the insert is counted by the flush that saves it', async () => {
    const [box] = await addBoxes(schema, 1);
    Letter.hooks.afterCreate = letter => void (letter.binned = true);
    const em = schema.em();
    em.create(Letter, { box: box!, postage: Postage.PAID });
    await em.flush();
    await expectExactLetters(schema);
    await em.flush();
    expect(await boxCounts(schema, box!)).toEqual([1, 0, 1]);
    await expectExactLetters(schema);
  });

  it('an entity hook that changes the condition after an update is counted by the flush that saves it', async () => {
    const [box] = await addBoxes(schema, 1);
    const id = await addLetter(schema, box!, { postage: Postage.PAID });
    Letter.hooks.afterUpdate = letter => void (letter.postage = Postage.PAID);
    const em = schema.em();
    (await em.findOneOrFail(Letter, id)).postage = Postage.FREE;
    await em.flush();
    await expectExactLetters(schema);
    await em.flush();
    await expectExactLetters(schema);
  });

  it('an entity hook that changes a row before its removal changes no count', async () => {
    const [box] = await addBoxes(schema, 1);
    const id = await addLetter(schema, box!, { binned: true });
    Letter.hooks.beforeDelete = letter => void Object.assign(letter, { binned: false, box: null });
    const em = schema.em();
    await em.remove(await em.findOneOrFail(Letter, id)).flush();
    expect(await boxCounts(schema, box!)).toEqual([0, 0, 0]);
  });
});
