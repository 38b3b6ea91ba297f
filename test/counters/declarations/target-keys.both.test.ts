import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases, type EngineDatabaseKind } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import { Device, expectExactKeys, keys, Lecture, Plain, Room, Tag, Usage } from '../models/keys.js';

type Pointer = 'tag' | 'device' | 'room';

/** Returns two keys of each kind of target; SQLite's driver reads no integer beyond 2^53. */
function targetsOf(
  kind: EngineDatabaseKind,
): [name: string, by: Pointer, entity: typeof Tag, first: unknown, second: unknown][] {
  const large = kind === 'sqlite' ? ['4611686018', '9007199254740991'] : ['4611686018', '9223372036854775807'];
  return [
    ['a text', 'tag', Tag, 'b', 'a'],
    ['a UUID', 'tag', Tag, randomUUID(), randomUUID()],
    ['a text with quotes and signs', 'tag', Tag, `it's "100%" \\ ?`, '[1,"2"]'],
    ['a text that looks like a number', 'tag', Tag, '10', '9'],
    ['a bigint', 'device', Device, large[0], large[1]],
    ['two columns', 'room', Room as never, ['north', 10], ['north', 9]],
    ['two columns that read alike when joined', 'room', Room as never, ['a', 11], ['a1', 1]],
  ];
}

describeOnEngineDatabases('target keys', kind => {
  const schema = useSchema(kind, keys);

  it.each(targetsOf(kind))(
    'rows of a target with %s as its key are created, moved, unset and removed',
    async (_name, by, entity, first, second) => {
      const setup = schema.em();
      for (const key of [first, second])
        setup.create(entity, (Array.isArray(key) ? { building: key[0], number: key[1] } : { id: key }) as never);
      await setup.flush();
      const pointer = (em: ReturnType<typeof schema.em>, key: unknown) =>
        em.getReference(entity, key as never, { wrapped: true });

      let em = schema.em();
      const ids = [first, first, second].map(key => em.create(Usage, { [by]: pointer(em, key) }));
      await em.flush();
      await expectExactKeys(schema);
      const [moved, unset, removed] = ids.map(({ id }) => id);

      em = schema.em();
      const loaded = await em.findAll(entity);
      Object.assign(await em.findOneOrFail(Usage, moved!), { [by]: pointer(em, second) });
      await em.flush();
      await expectExactKeys(schema);
      expect(loaded.map(({ useCount }) => useCount).toSorted()).toEqual([1, 2]);

      Object.assign(await em.findOneOrFail(Usage, unset!), { [by]: null });
      em.remove(await em.findOneOrFail(Usage, removed!));
      await em.flush();
      await expectExactKeys(schema);
      expect(loaded.map(({ useCount }) => useCount).toSorted()).toEqual([0, 1]);
      expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);

      em = schema.em();
      em.remove(em.getReference(Usage, moved!));
      await em.flush();
      await expectExactKeys(schema);
    },
  );

  it('rows of a target with a plain key in memory (mapToPk) are created, moved and removed', async () => {
    const setup = schema.em();
    const [first, second] = [setup.create(Lecture, {}), setup.create(Lecture, {})];
    await setup.flush();
    const em = schema.em();
    const plain = em.create(Plain, { lecture: first.id });
    await em.flush();
    await expectExactKeys(schema);
    plain.lecture = second.id;
    await em.flush();
    await expectExactKeys(schema);
    em.remove(plain);
    await em.flush();
    await expectExactKeys(schema);
    expect(await schema.rows('select id from plain')).toEqual([]);
  });

  // Others compare keys exactly.
  if (kind === 'mysql' || kind === 'mariadb')
    it('a row that spells the text key of its target in another case is counted where the database finds it', async () => {
      const setup = schema.em();
      setup.create(Tag, { id: 'News' });
      await setup.flush();
      const em = schema.em();
      const usage = em.create(Usage, { tag: em.getReference(Tag, 'NEWS', { wrapped: true }) });
      await em.flush();
      await expectExactKeys(schema);
      const again = schema.em();
      again.remove(await again.findOneOrFail(Usage, usage.id));
      await again.flush();
      await expectExactKeys(schema);
      expect(await schema.rows('select id from usage_row')).toEqual([]);
    });
});
