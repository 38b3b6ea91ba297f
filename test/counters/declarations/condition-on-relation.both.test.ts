import { defineEntity, p } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { defineCounter, updateWhere } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';

const ListSchema = defineEntity({
  name: 'List',
  properties: {
    id: p.integer().primary(),
    free: p.integer().default(0),
    taken: p.integer().default(0),
    ofFirst: p.integer().default(0),
    notOfFirst: p.integer().default(0),
  },
});
class List extends ListSchema.class {}
ListSchema.setClass(List);

const PersonSchema = defineEntity({ name: 'Person', properties: { id: p.integer().primary() } });
class Person extends PersonSchema.class {}
PersonSchema.setClass(Person);

const TaskSchema = defineEntity({
  name: 'Task',
  properties: {
    id: p.integer().primary(),
    list: () => p.manyToOne(List).deleteRule('restrict').updateRule('restrict'),
    by: () => p.manyToOne(Person).ref().nullable().deleteRule('restrict').updateRule('restrict'),
  },
});
class Task extends TaskSchema.class {}
TaskSchema.setClass(Task);

describeOnEngineDatabases('a condition on a relation', kind => {
  const count = <Into extends 'free' | 'taken' | 'ofFirst' | 'notOfFirst'>(into: Into, where: object) =>
    defineCounter({ counted: Task, by: 'list', into, where });
  const schema = useSchema(kind, {
    entities: [List, Person, Task],
    counters: [
      count('free', { by: null }),
      count('taken', { by: { $ne: null } }),
      count('ofFirst', { by: 1 }),
      count('notOfFirst', { by: { $ne: 1 } }),
    ],
  });

  async function expectCounts(...counts: number[]): Promise<void> {
    const [row] = await schema.rows('select free, taken, of_first, not_of_first from list');
    expect(Object.values(row!).map(Number)).toEqual(counts);
    const table = { target: 'list', counted: 'task', by: { id: 'list_id' } };
    await expectExact(
      schema,
      { ...table, column: 'free', where: 'c.by_id is null' },
      { ...table, column: 'taken', where: 'c.by_id is not null' },
      { ...table, column: 'of_first', where: 'c.by_id = 1' },
      { ...table, column: 'not_of_first', where: 'c.by_id <> 1' },
    );
  }

  it('a relation to an entity that the same flush inserts is counted by the key that it gets', async () => {
    const em = schema.em();
    const list = em.create(List, {});
    const first = em.create(Person, { id: 1 });
    em.create(Task, { list, by: first });
    em.create(Task, { list, by: em.create(Person, { id: 2 }) });
    const task = em.create(Task, { list });
    await em.flush();
    await expectCounts(1, 2, 1, 1);
    // PostgreSQL gives a key that it has not made once more.
    em.assign(task, { by: em.create(Person, kind === 'postgresql' ? { id: 3 } : {}) });
    await em.flush();
    expect([list.free, list.taken, list.ofFirst, list.notOfFirst]).toEqual([0, 3, 1, 2]);
    await expectCounts(0, 3, 1, 2);
  });

  it('a relation is counted when it is changed, taken away and changed by a bulk write', async () => {
    const em = schema.em();
    const list = em.create(List, {});
    for (const id of [1, 2]) em.create(Person, { id });
    const task = em.create(Task, { list, by: 1 });
    em.create(Task, { list });
    await em.flush();
    await expectCounts(1, 1, 1, 0);
    em.assign(task, { by: 2 });
    await em.flush();
    await expectCounts(1, 1, 0, 1);
    em.assign(task, { by: null });
    await em.flush();
    await expectCounts(2, 0, 0, 0);
    await updateWhere(schema.em(), Task, { by: null }, { by: 1 });
    await expectCounts(0, 2, 2, 0);
  });
});
