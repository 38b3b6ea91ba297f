import { ChangeSetType, type EventSubscriber, type FlushEventArgs } from '@mikro-orm/core';
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

/** A subscriber that does in onFlush what a test says. */
class Meddler implements EventSubscriber {
  act: ((args: FlushEventArgs) => void) | undefined;

  onFlush(args: FlushEventArgs): Promise<void> {
    this.act?.(args);
    return Promise.resolve();
  }
}

/** Turns the removal of a letter into its binning. */
function binInstead({ uow }: FlushEventArgs): void {
  for (const changeSet of uow.getChangeSets()) {
    if (changeSet.type !== ChangeSetType.DELETE || !(changeSet.entity instanceof Letter)) continue;
    changeSet.type = ChangeSetType.UPDATE;
    changeSet.entity.binned = true;
    changeSet.payload = { binned: true } as never;
  }
}

/** Adds a letter to the flush that is under way. */
function addLetterTo(box: number): (args: FlushEventArgs) => void {
  return ({ em, uow }) => {
    const letter = em.create(Letter, { box, postage: Postage.PAID }, { persist: false });
    uow.computeChangeSet(letter);
  };
}

const ways = ['implicit', 'explicit'] as const;

describeOnEngineDatabases('a subscriber that runs before the counters', kind => {
  const meddler = new Meddler();
  const schema = useSchema(kind, { ...letters, options: { subscribers: [meddler] } });
  afterEach(() => {
    meddler.act = undefined;
  });

  it.each(ways)(
    'a subscriber before the counters can turn a removal into a change of the condition (%s transaction)',
    async way => {
      const [box] = await addBoxes(schema, 1);
      const id = await addLetter(schema, box!, { postage: Postage.PAID });
      meddler.act = binInstead;
      const em = schema.em();
      const letter = await em.findOneOrFail(Letter, id);
      if (way === 'implicit') await em.remove(letter).flush();
      else await em.transactional(async inner => void inner.remove(letter));
      expect(await boxCounts(schema, box!)).toEqual([1, 0, 1]);
      await expectExactLetters(schema);
    },
  );

  it.each(ways)(
    'a subscriber before the counters can add a counted row to a flush that had none (%s transaction)',
    async way => {
      const [box] = await addBoxes(schema, 1);
      meddler.act = addLetterTo(box!);
      const em = schema.em();
      if (way === 'implicit') await em.flush();
      else await em.transactional(async inner => inner.flush().then(() => void (meddler.act = undefined)));
      expect(await boxCounts(schema, box!)).toEqual([1, 0, 0]);
      await expectExactLetters(schema);
    },
  );
});

describeOnEngineDatabases('a subscriber that runs after the counters', kind => {
  const schema = useSchema(kind, letters);

  /** Returns an entity manager that ends with one more subscriber. */
  function meddledWith(act: (args: FlushEventArgs) => void) {
    const em = schema.em().fork({ cloneEventManager: true });
    const meddler = new Meddler();
    meddler.act = args => {
      meddler.act = undefined;
      act(args);
    };
    em.getEventManager().registerSubscriber(meddler);
    return em;
  }

  /** Asserts that the flush either counts exactly or refuses with COUNTER_LATE_CHANGE and changes nothing. */
  async function expectExactOrRefused(work: Promise<unknown>, before: object[]): Promise<void> {
    const outcome = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    await expectExactLetters(schema);
    if (outcome === undefined) return;
    expect(outcome).toMatchObject({ code: 'COUNTER_LATE_CHANGE' });
    expect(await schema.rows('select * from letter')).toEqual(before);
  }

  it.each(ways)(
    'a subscriber after the counters that turns a removal into a change is counted or rejected (%s transaction)',
    async way => {
      const [box] = await addBoxes(schema, 1);
      const id = await addLetter(schema, box!, { postage: Postage.PAID });
      const before = await schema.rows('select * from letter');
      const em = meddledWith(binInstead);
      const letter = await em.findOneOrFail(Letter, id);
      await expectExactOrRefused(
        way === 'implicit' ? em.remove(letter).flush() : em.transactional(async inner => void inner.remove(letter)),
        before,
      );
    },
  );

  it.each(ways)(
    'a subscriber after the counters that adds a counted row to a flush of others is counted or rejected (%s transaction)',
    async way => {
      const [box] = await addBoxes(schema, 1);
      const em = meddledWith(addLetterTo(box!));
      const loaded = await em.findOneOrFail(Box, box!);
      loaded.name = 'Renamed';
      await expectExactOrRefused(way === 'implicit' ? em.flush() : em.transactional(async inner => inner.flush()), []);
    },
  );

  it.each(ways)(
    'a subscriber after the counters that adds a counted row to an empty flush is counted or rejected (%s transaction)',
    async way => {
      const [box] = await addBoxes(schema, 1);
      const em = meddledWith(addLetterTo(box!));
      await expectExactOrRefused(way === 'implicit' ? em.flush() : em.transactional(async inner => inner.flush()), []);
    },
  );

  it.each(ways)(
    'a subscriber after the counters that assigns a stored count is rejected (%s transaction)',
    async way => {
      const [box] = await addBoxes(schema, 1);
      const em = meddledWith(({ uow }) => {
        const [changeSet] = uow.getChangeSets();
        Object.assign(changeSet!.payload, { letterCount: 77 });
      });
      (await em.findOneOrFail(Box, box!)).name = 'Renamed';
      const work = way === 'implicit' ? em.flush() : em.transactional(async inner => inner.flush());
      await expect(work).rejects.toMatchObject({ code: expect.stringMatching(/COUNTER_(ASSIGNED|LATE_CHANGE)/) });
      expect(await boxCounts(schema, box!)).toEqual([0, 0, 0]);
    },
  );
});
