import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openToAdopt } from '../../src/database/database.js';
import { dialectOf } from '../../src/database/dialects/dialect.js';
import { mariaDb } from '../../src/database/dialects/mariadb/dialect.js';
import { postgreSql } from '../../src/database/dialects/postgresql/dialect.js';
import { learnUuidOrder, orderOf, uuidSamples } from '../../src/database/mapped/key-forms.js';
import type { DatabaseMap } from '../../src/map/map-form.js';
import { runNatively } from '../random/other-databases/native.js';
import { describeOnEach, freshUrl } from '../support/databases.js';

const map = { users: { keys: 'uuid' }, courses: {}, enrollments: {} } as DatabaseMap;

/** UUIDs of all versions and variants. */
const many = Array.from({ length: 256 }, (_, number) =>
  createHash('sha256')
    .update(String(number % 250))
    .digest('hex')
    .replace(
      /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
      `$1-$2-${(number >> 4).toString(16)}$3-${(number & 15).toString(16)}$4-$5`,
    ),
);

describeOnEach('the order of UUIDs', kind => {
  it('the order of UUIDs is asked of the server, and is that of all UUIDs', async () => {
    const { url, drop } = freshUrl(kind);
    await runNatively(kind, url, ['create table something (id integer)']);
    const database = await openToAdopt(url);
    const orders = dialectOf(database).sql.uuidOrders;
    expect(await learnUuidOrder(database, map)).toBeNull();
    if (orders.length > 0) {
      const asked = many.map(uuid => `select cast('${uuid}' as uuid) as one`).join(' union all ');
      const rows = await database.em.execute<{ one: string | null }[]>(`select one from (${asked}) asked order by one`);
      // MariaDB has no UUIDs of some versions with the variants of others.
      const sorted = rows.flatMap(({ one }) => one ?? []);
      expect(sorted.length).toBeGreaterThan(100);
      // The newest, which servers of tests have.
      expect(orderOf(sorted, orders)).toBe(orders[0]);
    }
    await database.close(true);
    await drop();
  });

  if (kind === 'mariadb' || kind === 'postgresql')
    it('an unknown order of UUIDs is refused', async () => {
      const { url, drop } = freshUrl(kind);
      await runNatively(kind, url, ['create table something (id integer)']);
      const database = await openToAdopt(url);
      const { title, sql } = dialectOf(database);
      // Those of another database, and of older versions.
      const others = [...mariaDb.sql.uuidOrders, ...postgreSql.sql.uuidOrders].filter(one => one !== sql.uuidOrders[0]);
      expect(await learnUuidOrder(database, map, others)).toBe(
        `This version of ${title} has UUIDs in an order that Rollcall does not know, so that pages would lose rows. Use another version, or copy the database with "rollcall import database --ids FILE".`,
      );
      expect(await learnUuidOrder(database, { ...map, users: {} } as DatabaseMap, others)).toBeNull();
      await database.close(true);
      await drop();
    });
});

describe('the orders of versions of MariaDB', () => {
  const [newer, older] = mariaDb.sql.uuidOrders as [(uuid: string) => string, (uuid: string) => string];
  const by = (order: (uuid: string) => string): string[] =>
    uuidSamples.toSorted((one, other) => (order(one) < order(other) ? -1 : 1));

  it('the orders of versions of MariaDB are told apart by the samples that a server is asked to sort', () => {
    const plain = (uuid: string): string => uuid;
    const orders = [newer, older, plain];
    for (const order of orders) expect(orders.filter(one => orderOf(by(order), [one]))).toEqual([order]);
    expect(orderOf(by(plain), mariaDb.sql.uuidOrders)).toBeUndefined();
  });

  it('begin with the last group: since 10.11.5 for versions 1 to 5, and before for all', () => {
    const [first, second] = ['00000000-0000-7000-8000-000000000005', '30000000-0000-7000-8000-000000000004'];
    expect(newer(first) < newer(second)).toBe(true);
    expect(older(first) < older(second)).toBe(false);
    for (const order of [newer, older])
      expect(order(first.replace('-7', '-4')) < order(second.replace('-7', '-4'))).toBe(false);
  });
});
