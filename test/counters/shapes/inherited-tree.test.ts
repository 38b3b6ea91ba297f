import { type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter, deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { expectExact } from '../../support/exact-counts.js';
import { useSchema } from '../../support/schema.js';

/** A row that is counted and a target, with types in one table. */
@Entity({ tableName: 'entry', discriminatorColumn: 'type', discriminatorValue: 'entry' })
class Entry {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Folder, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  parent?: Ref<Folder> | null;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly entryCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly folderCount: Opt<number> = 0;
}

/** The type of targets. */
@Entity({ discriminatorValue: 'folder' })
class Folder extends Entry {}

/** A type that is no target. */
@Entity({ discriminatorValue: 'file' })
class File extends Entry {}

// Triggers of MySQL and MariaDB cannot change their own table, so hooks count.
describeOnEngineDatabases('a tree of several types in one table', kind => {
  const schema = useSchema(kind, {
    entities: [Entry, Folder, File],
    counters: [
      defineCounter({ counted: Entry, by: 'parent', into: 'entryCount' }),
      defineCounter({ counted: Folder, by: 'parent', into: 'folderCount' }),
    ],
  });
  const exact = (): Promise<void> => {
    const table = { target: 'entry', counted: 'entry', by: { id: 'parent_id' } };
    return expectExact(
      schema,
      { ...table, column: 'entry_count' },
      { ...table, column: 'folder_count', where: "c.type = 'folder'" },
    );
  };

  it('rows that are targets and counted in one flush are counted by their types', async () => {
    const em = schema.em();
    const root = em.create(Folder, {});
    const folder = em.create(Folder, { parent: root });
    for (const parent of [root, folder]) em.create(File, { parent });
    await em.flush();
    await exact();
    expect([root, folder].map(({ entryCount, folderCount }) => [entryCount, folderCount])).toEqual([
      [2, 1],
      [1, 0],
    ]);
    const other = schema.em();
    for (const file of await other.find(File, {})) other.assign(file, { parent: folder.id });
    await other.flush();
    await exact();
    const last = schema.em();
    for (const type of [File, Folder]) {
      for (const entry of await last.find<Entry>(type, { parent: { $ne: null } })) last.remove(entry);
      await last.flush();
      await exact();
    }
    expect(await schema.rows('select entry_count as entries from entry')).toEqual([{ entries: 0 }]);
  });

  it('bulk writes of a type, and of the type itself, are counted', async () => {
    const em = schema.em();
    const [root, other] = [em.create(Folder, {}), em.create(Folder, {})];
    await em.flush();
    await insertMany(em, File, [{ parent: root }, { parent: root }]);
    await insertMany(em, Folder, [{ parent: root }]);
    await exact();
    expect(await updateWhere(em, File, {}, { type: 'folder', parent: other } as never)).toBe(2);
    await exact();
    expect([other.entryCount, other.folderCount]).toEqual([2, 2]);
    expect(await deleteWhere(em, Folder, { parent: { $ne: null } })).toBe(3);
    await exact();
  });
});
