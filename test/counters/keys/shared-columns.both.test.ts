import { expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import {
  Board,
  Comment,
  expectExactTenants,
  Note,
  Post,
  Task,
  TaskState,
  Tenant,
  tenants,
} from '../models/shared-columns.js';

describeOnEngineDatabases('columns that properties share', kind => {
  const schema = useSchema(kind, tenants);

  /** Saves two tenants, 1 and 2, with the posts 1 and 2 each. */
  async function addPosts(): Promise<void> {
    const em = schema.em();
    for (const id of [1, 2]) {
      em.create(Tenant, { id });
      for (const number of [1, 2]) em.create(Post, { tenant: id, number });
    }
    await em.flush();
  }

  function postOf(em: SqlEntityManager, tenant: number, number: number): Promise<Post> {
    return em.findOneOrFail(Post, [tenant, number] as never);
  }

  it.each([1, 3])(
    'changing the relation that has a column of a foreign key moves %i rows to another target',
    async amount => {
      await addPosts();
      const setup = schema.em();
      for (let row = 0; row < amount; row += 1) setup.create(Comment, { tenant: 1, post: await postOf(setup, 1, 1) });
      await setup.flush();
      await expectExactTenants(schema);
      const em = schema.em();
      const [from, to] = [await postOf(em, 1, 1), await postOf(em, 2, 1)];
      for (const comment of await em.find(Comment, {})) comment.tenant = em.getReference(Tenant, 2, { wrapped: true });
      await em.flush();
      await expectExactTenants(schema);
      expect([from.commentCount, to.commentCount]).toEqual([0, amount]);
      for (const comment of await em.find(Comment, {})) comment.tenant = em.getReference(Tenant, 1, { wrapped: true });
      await em.flush();
      await expectExactTenants(schema);
      for (const comment of await em.find(Comment, {})) em.remove(comment);
      await em.flush();
      await expectExactTenants(schema);
    },
  );

  it.each([1, 3])(
    'changing the number that has a column of a foreign key moves %i rows to another target and into the condition',
    async amount => {
      await addPosts();
      const setup = schema.em();
      for (let row = 0; row < amount; row += 1) setup.create(Note, { tenantId: 2, post: await postOf(setup, 2, 1) });
      await setup.flush();
      await expectExactTenants(schema);
      const em = schema.em();
      const [from, to] = [await postOf(em, 2, 1), await postOf(em, 1, 1)];
      for (const note of await em.find(Note, {})) em.assign(note, { tenantId: 1 });
      await em.flush();
      await expectExactTenants(schema);
      expect([from.noteCount, to.noteCount, to.ownNoteCount]).toEqual([0, amount, amount]);
      expect(await schema.rows('select distinct tenant_id from note')).toEqual([{ tenant_id: 1 }]);
      for (const note of await em.find(Note, {})) note.post = null;
      await em.flush();
      await expectExactTenants(schema);
    },
  );

  it.each([1, 3])(
    'changing a foreign key whose other column a relation has counts %i rows where the database has them then',
    async amount => {
      await addPosts();
      const setup = schema.em();
      for (let row = 0; row < amount; row += 1) setup.create(Comment, { tenant: 1, post: await postOf(setup, 1, 1) });
      await setup.flush();
      const em = schema.em();
      // The tenant stays the first: MikroORM leaves its column to the relation, so that the row comes to (1, 2).
      const post = await postOf(em, 2, 2);
      for (const comment of await em.find(Comment, {})) em.assign(comment, { post });
      await em.flush();
      await expectExactTenants(schema);
      for (const comment of await em.find(Comment, {}))
        em.assign(comment, { post: await postOf(em, 2, 1), tenant: em.getReference(Tenant, 2) });
      await em.flush();
      await expectExactTenants(schema);
      expect((await postOf(em, 2, 1)).commentCount).toBe(amount);
      for (const comment of await em.find(Comment, {})) em.remove(comment);
      await em.flush();
      await expectExactTenants(schema);
    },
  );

  it.each([1, 3])('creating %i rows whose properties contradict each other counts what was stored', async amount => {
    await addPosts();
    const em = schema.em();
    for (let row = 0; row < amount; row += 1) em.create(Comment, { tenant: 1, post: await postOf(em, 2, 1) });
    for (let row = 0; row < amount; row += 1) em.create(Note, { tenantId: 1, post: await postOf(em, 2, 1) });
    await em.flush();
    await expectExactTenants(schema);
    for (const comment of await em.find(Comment, {})) comment.tenant = em.getReference(Tenant, 2, { wrapped: true });
    for (const note of await em.find(Note, {})) em.remove(note);
    await em.flush();
    await expectExactTenants(schema);
  });

  it('a tenant, its post and the rows of both are created in one flush', async () => {
    const em = schema.em();
    const tenant = em.create(Tenant, {});
    const post = em.create(Post, { tenant, number: 7 });
    for (let row = 0; row < 2; row += 1) em.create(Comment, { tenant, post });
    await em.flush();
    await expectExactTenants(schema);
    expect(post.commentCount).toBe(2);
  });

  it('bulk writes of a column that properties share are counted', async () => {
    await addPosts();
    const em = schema.em();
    const [from, to] = [await postOf(em, 1, 1), await postOf(em, 2, 1)];
    await insertMany(em, Comment, [
      { tenant: 1, post: [1, 1] },
      { tenant: 1, post: [1, 1] },
      { tenant: 1, post: null },
    ] as never);
    await insertMany(em, Note, [{ tenantId: 1, post: [1, 1] }] as never);
    await expectExactTenants(schema);
    await updateWhere(em, Comment, {}, { tenant: 2 });
    await updateWhere(em, Note, {}, { tenantId: 2 });
    await expectExactTenants(schema);
    expect([from.commentCount, to.commentCount, to.noteCount]).toEqual([0, 2, 1]);
    await deleteWhere(em, Comment, { tenant: 2 });
    await expectExactTenants(schema);
  });

  it.each([1, 3])('changing a second property of a foreign key or a condition counts %i rows', async amount => {
    const em = schema.em();
    const boards = [em.create(Board, {}), em.create(Board, {})];
    await em.flush();
    for (let row = 0; row < amount; row += 1) em.create(Task, { boardId: boards[0]!.id, stateText: TaskState.OPEN });
    await em.flush();
    await expectExactTenants(schema);
    expect(boards.map(({ openCount }) => openCount)).toEqual([amount, 0]);
    const other = schema.em();
    for (const task of await other.find(Task, {})) other.assign(task, { boardId: boards[1]!.id });
    await other.flush();
    await expectExactTenants(schema);
    for (const task of await other.find(Task, {})) other.assign(task, { stateText: TaskState.DONE });
    await other.flush();
    await expectExactTenants(schema);
    const last = schema.em();
    for (const task of await last.find(Task, {})) last.assign(task, { board: boards[0]!.id, state: TaskState.OPEN });
    await last.flush();
    await expectExactTenants(schema);
    expect(await schema.rows('select open_count from board order by id')).toEqual([
      { open_count: amount },
      { open_count: 0 },
    ]);
  });
});
