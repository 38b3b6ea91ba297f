import { expect, it } from 'vitest';
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

describeOnEngineDatabases('changes that code makes while a flush waits for the database', kind => {
  const schema = useSchema(kind, letters);

  it('a change of a row that a flush is saving is counted by the next flush', async () => {
    const [box] = await addBoxes(schema, 1);
    const em = schema.em();
    const letter = em.create(Letter, { box: box!, postage: Postage.PAID });
    schema.database.config.set('onQuery', sql => {
      if (sql.startsWith('insert')) letter.binned = true;
      return sql;
    });
    await em.flush().finally(() => schema.database.config.set('onQuery', sql => sql));
    await expectExactLetters(schema);
    await em.flush();
    expect(await boxCounts(schema, box!)).toEqual([1, 0, 1]);
    await expectExactLetters(schema);
  });

  it('a move of a row before the flush sends its UPDATE is counted by the next flush', async () => {
    const [first, second] = await addBoxes(schema, 2);
    const id = await addLetter(schema, first!, { postage: Postage.PAID });
    const em = schema.em();
    const letter = await em.findOneOrFail(Letter, id);
    letter.postage = Postage.FREE;
    schema.database.config.set('onQuery', sql => {
      if (/^select.*box/.test(sql)) letter.box = em.getReference(Box, second!, { wrapped: true });
      return sql;
    });
    await em.flush().finally(() => schema.database.config.set('onQuery', sql => sql));
    await expectExactLetters(schema);
    await em.flush();
    await expectExactLetters(schema);
  });
});
