import type { EntityClass } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { recount, verify, type Key } from 'mikro-orm-counters';
import { describeOnEngineDatabases, type EngineDatabaseKind } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { Device, expectExactKeys, keys, Lecture, Room, Seat, Tag } from '../models/keys.js';
import { Author, expectExactShop, Product, shop, Team } from '../models/shop.js';
import { Category, expectExactTree, tree } from '../models/tree.js';

/**
 * Returns targets with their keys in the database's order and the columns of a row that points at each; SQLite's driver
 * reads no number beyond 2^53.
 */
function targetsOf(
  kind: EngineDatabaseKind,
): [name: string, entity: EntityClass<object>, columns: string[], keys: Key[], foreign: string[]][] {
  const large =
    kind === 'sqlite'
      ? ['4611686018427', '4611686018428', '9007199254740991']
      : ['4611686018427387904', '4611686018427387905', '9223372036854775807'];
  const texts = [['10'], ['9'], [`it's "100%" \\ ?`], ['zoo']];
  return [
    ['a text', Tag, ['id'], texts, ['tag_id']],
    ['a bigint', Device, ['id'], large.map(one => [one]), ['device_id']],
    [
      'two columns',
      Room,
      ['building', 'number'],
      [
        ['a', 11],
        ['a1', 1],
        ['north', 9],
        ['north', 10],
        ['south', 1],
      ],
      ['room_building', 'room_number'],
    ],
  ];
}

describeOnEngineDatabases('verify and recount by various keys', kind => {
  const schema = useSchema(kind, keys);

  it.each(targetsOf(kind))(
    'verify and recount by a key of %s go through all rows, from any row on, and through a list',
    async (_name, entity, columns, all, foreign) => {
      const table = schema.database.getMetadata(entity).tableName;
      const marks = columns.map(() => '?').join(', ');
      for (const [index, key] of all.entries()) {
        await schema.write(`insert into ${table} (${columns.join(', ')}) values (${marks})`, key);
        for (let row = 0; row <= index; row += 1)
          await schema.write(`insert into usage_row (${foreign.join(', ')}) values (${marks})`, key);
      }
      const found = async (options: object) => {
        const chunks = await Array.fromAsync(verify(schema.em(), entity, options));
        return chunks.flatMap(chunk => chunk.drifts.map(({ key, actual }) => [key.map(String), actual]));
      };
      const expected = all.map((key, index) => [key.map(String), index + 1]);
      for (const batchSize of [1, 2, 100]) {
        expect(await found({ batchSize })).toEqual(expected);
        for (const [index, after] of all.entries())
          expect(await found({ batchSize, after })).toEqual(expected.slice(index + 1));
        expect((await found({ batchSize, keys: all.slice(1) })).toSorted()).toEqual(expected.slice(1).toSorted());
      }
      for (const key of all) await schema.em().transactional(em => recount(em as never, entity, key));
      expect(await found({})).toEqual([]);
      await expectExactKeys(schema);
    },
  );

  it("verify and recount work by the counted row's own key, of which the foreign key is part", async () => {
    await schema.write('insert into lecture (id) values (5), (6)');
    await schema.write('insert into seat (lecture_id, place, present) values (5, 1, true), (5, 2, false)');
    await schema.write('insert into plain (lecture_id) values (6)');
    const [chunk] = await Array.fromAsync(verify(schema.em(), Lecture));
    expect(chunk!.drifts.map(({ counter, key, actual }) => [counter, key[0], actual])).toEqual([
      ['Lecture.seatCount', 5, 2],
      ['Lecture.presentCount', 5, 1],
      ['Lecture.plainCount', 6, 1],
    ]);
    for (const key of [5, 6]) await schema.em().transactional(em => recount(em as never, Lecture, [key]));
    await expectExactKeys(schema);
    expect(await schema.em().count(Seat)).toBe(2);
  });

  // Others compare keys exactly.
  if (kind === 'mysql' || kind === 'mariadb')
    it('verify and recount work by a text key that the row spells in another case', async () => {
      await schema.write("insert into tag (id) values ('News')");
      await schema.write("insert into usage_row (tag_id) values ('NEWS'), ('news')");
      for (const options of [{}, { keys: [['nEWS']] }]) {
        const [chunk] = await Array.fromAsync(verify(schema.em(), Tag, options));
        expect(chunk!.drifts.map(({ key, actual }) => [key[0], actual])).toEqual([['News', 2]]);
      }
      const changes = await schema.em().transactional(em => recount(em as never, Tag, ['nEWS']));
      expect(changes).toEqual([{ counter: 'Tag.useCount', key: ['News'], before: 0, after: 2 }]);
      await expectExactKeys(schema);
    });
});

describeOnEngineDatabases('verify and recount of several targets', kind => {
  const shopSchema = useSchema(kind, shop);

  it('verify and recount of one target with several foreign keys give each foreign key its own rows', async () => {
    await shopSchema.write('insert into team (id) values (1), (2)');
    await shopSchema.write('insert into fixture (home_id, away_id) values (1, 2), (1, 2), (2, 1)');
    const [chunk] = await Array.fromAsync(verify(shopSchema.em(), Team));
    expect(chunk!.drifts.map(({ counter, key, actual }) => [counter, key[0], actual])).toEqual([
      ['Team.homeCount', 1, 2],
      ['Team.awayCount', 1, 1],
      ['Team.homeCount', 2, 1],
      ['Team.awayCount', 2, 2],
    ]);
    const changes = await shopSchema.em().transactional(em => recount(em as never, Team, [1]));
    expect(changes!.map(({ counter, before, after }) => [counter, before, after])).toEqual([
      ['Team.homeCount', 0, 2],
      ['Team.awayCount', 0, 1],
    ]);
    await shopSchema.em().transactional(em => recount(em as never, Team, [2]));
    await expectExactShop(shopSchema);
  });

  it('verify and recount of rows that are counted into two tables run once for each table', async () => {
    await shopSchema.write('insert into author (id) values (1)');
    await shopSchema.write('insert into product (id) values (1)');
    await shopSchema.write('insert into review (author_id, product_id, stars) values (1, 1, 5), (null, 1, 4)');
    const found = async (entity: EntityClass<object>) =>
      (await Array.fromAsync(verify(shopSchema.em(), entity))).flatMap(chunk =>
        chunk.drifts.map(({ counter, actual }) => [counter, actual]),
      );
    expect(await found(Author)).toEqual([
      ['Author.reviewCount', 1],
      ['Author.raveCount', 1],
    ]);
    expect(await found(Product)).toEqual([['Product.reviewCount', 2]]);
    for (const entity of [Author, Product])
      await shopSchema.em().transactional(em => recount(em as never, entity, [1]));
    await expectExactShop(shopSchema);
  });
});

describeOnEngineDatabases('verify and recount of a table that counts its own rows', kind => {
  const schema = useSchema(kind, tree);

  it('verify and recount of a table that counts its own rows find and repair the drift', async () => {
    await schema.write(
      "insert into category (id, name, parent_id, hidden) values (1, 'a', null, false), (2, 'b', 1, false), (3, 'c', 1, true), (4, 'd', 3, false)",
    );
    const chunks = await Array.fromAsync(verify(schema.em(), Category, { batchSize: 3 }));
    expect(chunks.flatMap(chunk => chunk.drifts.map(({ counter, key, actual }) => [counter, key[0], actual]))).toEqual([
      ['Category.childCount', 1, 2],
      ['Category.hiddenCount', 1, 1],
      ['Category.childCount', 3, 1],
    ]);
    for (const key of [1, 2, 3, 4]) await schema.em().transactional(em => recount(em as never, Category, [key]));
    await expectExactTree(schema);
  });
});
