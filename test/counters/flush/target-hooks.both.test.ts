import { afterEach, expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addBoxes, Box, boxCounts, expectExactLetters, Letter, letters, Postage } from '../models/letters.js';

/** Assigns a count as a hook in plain JavaScript could. */
function assign(box: Box): void {
  Object.assign(box, { letterCount: 77 });
}

describeOnEngineDatabases('a hook of a target', kind => {
  const schema = useSchema(kind, letters);
  afterEach(() => {
    Box.hooks = {};
  });

  it('a hook of a target that assigns a stored count before an update throws COUNTER_ASSIGNED and is undone', async () => {
    const [id] = await addBoxes(schema, 1);
    Box.hooks.beforeUpdate = assign;
    const em = schema.em();
    (await em.findOneOrFail(Box, id!)).name = 'Renamed';
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_ASSIGNED',
      message: expect.stringMatching(/Box\.letterCount.*77/),
    });
    expect(await schema.rows('select name from box')).toEqual([{ name: '' }]);
    await expectExactLetters(schema);
  });

  it('a hook of a target that assigns a stored count before an insert throws COUNTER_ASSIGNED and is undone', async () => {
    Box.hooks.beforeCreate = assign;
    const em = schema.em();
    em.create(Letter, { box: em.create(Box, {}), postage: Postage.PAID });
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_ASSIGNED',
      message: expect.stringContaining('77'),
    });
    expect(await schema.rows('select id from box')).toEqual([]);
    expect(await schema.rows('select id from letter')).toEqual([]);
  });

  it('a hook of a target that assigns a stored count in an explicit transaction undoes it, even if the error is caught there', async () => {
    const [id] = await addBoxes(schema, 1);
    Box.hooks.beforeUpdate = assign;
    const work = schema.em().transactional(async em => {
      (await em.findOneOrFail(Box, id!)).name = 'Renamed';
      await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    });
    await expect(work).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
    expect(await boxCounts(schema, id!)).toEqual([0, 0, 0]);
  });

  it('a hook of a target may change other properties', async () => {
    Box.hooks = { beforeCreate: box => void (box.name = 'Made'), beforeUpdate: box => void (box.name += '!') };
    const em = schema.em();
    const box = em.create(Box, {});
    em.create(Letter, { box, postage: Postage.PAID });
    await em.flush();
    box.name = 'Renamed';
    em.create(Letter, { box, postage: Postage.FREE });
    await em.flush();
    expect(await schema.rows('select name from box')).toEqual([{ name: 'Renamed!' }]);
    expect(await boxCounts(schema, box.id)).toEqual([2, 1, 0]);
    await expectExactLetters(schema);
  });
});
