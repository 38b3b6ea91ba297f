import { ChangeSetType, type EventSubscriber, type FlushEventArgs } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { Board, expectExactNotes, Note, notes } from '../models/notes.js';

/** A time with a fraction of a second, which MySQL rounds away. */
const NOW = new Date(Date.UTC(2026, 0, 1, 12, 0, 0, 600));

const SHOWN = { filters: { live: false } };

describeOnEngineDatabases('a soft delete by deletedAt', kind => {
  const schema = useSchema(kind, notes);

  async function boardWith(...deleted: boolean[]): Promise<{ board: number; ids: number[] }> {
    const em = schema.em();
    const board = em.create(Board, {});
    const added = deleted.map(one => em.create(Note, { board, pinned: true, deletedAt: one ? NOW : null }));
    await em.flush();
    return { board: board.id, ids: added.map(({ id }) => id) };
  }

  async function expectCounts(noteCount: number, deletedCount: number): Promise<void> {
    const [row] = await schema.rows('select note_count, deleted_count, pinned_count from board');
    expect(Object.values(row!).map(Number)).toEqual([noteCount, deletedCount, noteCount]);
    await expectExactNotes(schema);
  }

  it('a new row counts as what it is, and one that leaves deletedAt out as not deleted', async () => {
    const { board } = await boardWith(false, true);
    const em = schema.em();
    em.create(Note, { board, pinned: true });
    await em.flush();
    await expectCounts(2, 1);
  });

  it('a soft delete, a restoration and a hard delete after a soft delete count once each', async () => {
    const { board, ids } = await boardWith(false, false);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Board, board);
    const note = await em.findOneOrFail(Note, ids[0]!);
    note.deletedAt = NOW;
    await em.flush();
    expect([loaded.noteCount, loaded.deletedCount]).toEqual([1, 1]);
    await expectCounts(1, 1);
    note.deletedAt = new Date(NOW.getTime() + 5000);
    await em.flush();
    await expectCounts(1, 1);
    note.deletedAt = null;
    await em.flush();
    await expectCounts(2, 0);
    note.deletedAt = NOW;
    await em.flush();
    em.remove(note);
    await em.flush();
    expect([loaded.noteCount, loaded.deletedCount]).toEqual([1, 0]);
    await expectCounts(1, 0);
  });

  it('a soft delete and a move in one flush count at both targets', async () => {
    const { ids } = await boardWith(false, false);
    const em = schema.em();
    const other = em.create(Board, {});
    em.assign(await em.findOneOrFail(Note, ids[0]!), { board: other, deletedAt: NOW });
    await em.flush();
    expect([other.noteCount, other.deletedCount]).toEqual([0, 1]);
    await expectExactNotes(schema);
  });

  it('a row that a filter hides is counted when another entity manager has deleted it meanwhile', async () => {
    const { ids } = await boardWith(false);
    const [one, two] = [schema.em(), schema.em()];
    const [first, second] = [await one.findOneOrFail(Note, ids[0]!), await two.findOneOrFail(Note, ids[0]!)];
    first.deletedAt = NOW;
    await one.flush();
    expect(await two.fork().find(Note, {})).toEqual([]);
    second.deletedAt = new Date(NOW.getTime() + 5000);
    await two.flush();
    await expectCounts(0, 1);
    second.pinned = false;
    await two.flush();
    await expectCounts(0, 1);
    two.remove(second);
    await two.flush();
    await expectCounts(0, 0);
  });

  it('bulk writes delete softly, restore, delete and insert with exact counts', async () => {
    const { board, ids } = await boardWith(false, false, true);
    expect(await updateWhere(schema.em(), Note, { id: ids[0]! }, { deletedAt: NOW })).toBe(1);
    await expectCounts(1, 2);
    const two = { id: { $in: [ids[0]!, ids[1]!] } };
    // A bulk write finds the rows that MikroORM's filters let it find.
    expect(await updateWhere(schema.em(), Note, two, { deletedAt: null })).toBe(1);
    await expectCounts(1, 2);
    expect(await updateWhere(schema.em(), Note, two, { deletedAt: null }, SHOWN)).toBe(2);
    await expectCounts(2, 1);
    await insertMany(schema.em(), Note, [
      { board, pinned: true },
      { board, pinned: true, deletedAt: NOW },
    ]);
    await expectCounts(3, 2);
    await deleteWhere(schema.em(), Note, { id: { $in: [ids[1]!, ids[2]!] } }, SHOWN);
    await expectCounts(2, 1);
  });

  it('a query that hides deleted rows still finds the true counts', async () => {
    const { board } = await boardWith(false, true, true);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Board, board);
    expect([loaded.noteCount, await em.count(Note, { board })]).toEqual([1, 1]);
    expect([loaded.deletedCount, (await em.find(Note, { board, deletedAt: { $ne: null } }, SHOWN)).length]).toEqual([
      2, 2,
    ]);
  });

  if (strategy === 'hooks')
    it('a soft delete by em.nativeUpdate() is refused', async () => {
      const { ids } = await boardWith(false);
      await expect(schema.em().nativeUpdate(Note, { id: ids[0]! }, { deletedAt: NOW })).rejects.toMatchObject({
        code: 'COUNTER_BYPASS',
      });
      await expectCounts(1, 0);
    });
  else
    it('a soft delete by another program is counted by triggers', async () => {
      const { ids } = await boardWith(false, false);
      await schema.write('update note set deleted_at = current_timestamp where id = ?', [ids[0]!]);
      await expectCounts(1, 1);
      await schema.write('delete from note where id = ?', [ids[0]!]);
      await expectCounts(1, 0);
    });
});

/** Turns the removal of a note into a soft delete, as applications do. */
class SoftDeletes implements EventSubscriber {
  onFlush({ uow }: FlushEventArgs): Promise<void> {
    for (const changeSet of uow.getChangeSets()) {
      if (changeSet.type !== ChangeSetType.DELETE || !(changeSet.entity instanceof Note)) continue;
      changeSet.type = ChangeSetType.UPDATE;
      changeSet.entity.deletedAt = NOW;
      uow.recomputeSingleChangeSet(changeSet.entity);
    }
    return Promise.resolve();
  }
}

describeOnEngineDatabases("an application's subscriber that turns removals into soft deletes", kind => {
  const schema = useSchema(kind, { ...notes, options: { subscribers: [new SoftDeletes()] } });

  it('em.remove() counts as a soft delete', async () => {
    const em = schema.em();
    const board = em.create(Board, {});
    const note = em.create(Note, { board });
    await em.flush();
    em.remove(note);
    await em.flush();
    expect([board.noteCount, board.deletedCount]).toEqual([0, 1]);
    await expectExactNotes(schema);
  });
});
