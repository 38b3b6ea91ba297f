import { Collection, raw, type Opt, type Ref } from '@mikro-orm/core';
import { Embeddable, Embedded, Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { expect, it } from 'vitest';
import { defineCounter, deleteWhere, insertMany, updateWhere, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type SchemaOptions } from '../../support/schema.js';

@Embeddable()
class Change {
  @Property({ type: 'string', nullable: true })
  reason?: string | null;

  @Property({ type: 'integer', nullable: true, onCreate: () => 1, onUpdate: () => 2 })
  kind?: number | null;
}

/** A row that is counted by what MikroORM itself makes of a change, and counts others of its kind. */
@Entity({ tableName: 'page' })
class Page {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Page, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  parent?: Ref<Page> | null;

  @OneToMany(() => Page, page => page.parent)
  pages = new Collection<Page>(this);

  @ManyToOne(() => Page, {
    ref: true,
    nullable: true,
    deleteRule: 'restrict',
    updateRule: 'restrict',
    onUpdate: () => 1 as never,
  })
  archive?: Ref<Page> | null;

  @Property({ type: 'boolean', onCreate: () => false, onUpdate: () => true })
  changed!: Opt<boolean>;

  @Property({ type: 'string', nullable: true })
  title?: string | null;

  @Embedded(() => Change, { nullable: true })
  change?: Change | null;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly pageCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly changedCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly archivedCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly kindCount: Opt<number> = 0;
}

const pages: SchemaOptions = {
  entities: [Page],
  counters: [
    defineCounter({ counted: Page, by: 'parent', into: 'pageCount' }),
    defineCounter({ counted: Page, by: 'parent', into: 'changedCount', where: { changed: true } }),
    defineCounter({ counted: Page, by: 'archive', into: 'archivedCount' }),
    { counted: Page, by: 'parent', into: 'kindCount', where: { change_kind: 2 } },
  ],
};

describeOnEngineDatabases('values that MikroORM makes when a row changes', kind => {
  const schema = useSchema(kind, pages);

  async function counts(): Promise<unknown> {
    for await (const { drifts } of verify(schema.em(), Page)) expect(drifts).toEqual([]);
    const [row] = await schema.rows(
      'select page_count, changed_count, archived_count, kind_count from page where id = 1',
    );
    return Object.values(row!).map(Number);
  }

  async function addPages(): Promise<void> {
    await insertMany(schema.em(), Page, [{ id: 1 }]);
    const change = { reason: 'x' };
    await insertMany(schema.em(), Page, [
      { id: 2, parent: 1 },
      { id: 3, parent: 1, change },
    ]);
    expect(await counts()).toEqual([2, 0, 0, 0]);
  }

  it('updateWhere() counts by what onUpdate gives for conditions and foreign keys', async () => {
    await addPages();
    expect(await updateWhere(schema.em(), Page, { parent: 1 }, { title: 'New' })).toBe(2);
    expect(await counts()).toEqual([2, 2, 2, 0]);
    expect(await updateWhere(schema.em(), Page, { parent: 1 }, { changed: false, archive: null })).toBe(2);
    expect(await counts()).toEqual([2, 0, 0, 0]);
  });

  it('updateWhere() makes the values of an embedded object where it writes that object', async () => {
    await addPages();
    await updateWhere(schema.em(), Page, { id: 3 }, { change: { reason: 'y' } });
    expect(await counts()).toEqual([2, 1, 1, 1]);
    expect(await schema.rows('select change_kind from page order by id')).toEqual(
      [null, null, 2].map(change_kind => ({ change_kind })),
    );
  });

  it('bulk writes find rows by relations that some of them lack, and by collections, under their locks', async () => {
    await addPages();
    await insertMany(schema.em(), Page, [
      { id: 4, parent: 2 },
      { id: 5, parent: 2 },
    ]);
    // Outer joins, whose rows PostgreSQL does not lock.
    const byParent = { $or: [{ parent: { title: 'None' } }, { id: 3 }] };
    expect(await updateWhere(schema.em(), Page, byParent, { title: 'Three' })).toBe(1);
    // Two of the rows of one collection match.
    expect(await updateWhere(schema.em(), Page, { pages: { id: { $gt: 3 } } }, { parent: 3 })).toBe(1);
    expect(await counts()).toEqual([1, 1, 2, 0]);
    expect(await deleteWhere(schema.em(), Page, { pages: { $none: {} }, parent: { parent: { id: 3 } } })).toBe(2);
    expect(await counts()).toEqual([1, 1, 2, 0]);
  });

  it('bulk writes of a stored count are refused with COUNTER_ASSIGNED and write nothing', async () => {
    await addPages();
    const refused = { code: 'COUNTER_ASSIGNED', message: expect.stringContaining('Page.pageCount') as unknown };
    for (const data of [{ pageCount: 7 }, { page_count: 7 }, { pageCount: raw('7') }])
      await expect(updateWhere(schema.em(), Page, {}, data as never)).rejects.toMatchObject(refused);
    await expect(insertMany(schema.em(), Page, [{ id: 9, pageCount: 7 }])).rejects.toMatchObject(refused);
    expect(await counts()).toEqual([2, 0, 0, 0]);
    expect(await deleteWhere(schema.em(), Page, { id: { $gt: 1 } })).toBe(2);
    expect(await counts()).toEqual([0, 0, 0, 0]);
  });
});
