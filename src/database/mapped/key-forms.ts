import type { SqlEntityManager } from '@mikro-orm/sql';
import { compareKeys, type Key, type KeyForm } from '../../entities/index.js';
import { mapParts, type DatabaseMap, type MapPart } from '../../map/map-form.js';
import { dialectOf, type Database, type UuidOrder } from '../dialects/dialect.js';
import { keyFormIn } from './mapped-metadata.js';
import { mapOf } from './mapped-driver.js';

/** Returns what the keys of users, courses or enrollments are in a database. */
export function keyFormOf(opened: Database | SqlEntityManager, part: MapPart): KeyForm {
  const map = mapOf(driverOf(opened));
  return map === null ? 'number' : keyFormIn(map, part);
}

function driverOf(opened: Database | SqlEntityManager): object {
  return 'getDriver' in opened ? opened.getDriver() : opened.driver;
}

/** The orders that were asked of databases, by their drivers. */
const uuidOrders = new WeakMap<object, UuidOrder>();

/** Returns the comparison of the keys of a part for ascending order, in which the database has them. */
export function keyOrder(opened: Database | SqlEntityManager, part: MapPart): (one: Key, other: Key) => number {
  if (keyFormOf(opened, part) !== 'uuid') return compareKeys;
  const order = uuidOrders.get(driverOf(opened)) ?? dialectOf(opened).sql.uuidOrders[0];
  if (order === undefined) return compareKeys;
  return (one, other) => compareKeys(order(String(one)), order(String(other)));
}

/** UUIDs of several versions and variants, such that each known order has them in another way. */
export const uuidSamples = [
  '00000000-0000-0000-0000-000000000000',
  '00000000-0000-4000-8000-000000000002',
  '10000000-0000-4000-8000-000000000001',
  '10000000-0000-1000-9000-000000000003',
  '20000000-0000-1000-8000-000000000003',
  '00000000-0000-7000-8000-000000000005',
  '30000000-0000-7000-8000-000000000004',
  '40000000-0000-4000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
];

/**
 * Asks a database in which order it has the UUIDs of its own type, if keys of a map are of that. Returns why the database
 * cannot be opened: its order is none that is known; null: it can.
 */
export async function learnUuidOrder(
  database: Database,
  map: DatabaseMap,
  orders = dialectOf(database).sql.uuidOrders,
): Promise<string | null> {
  // Others have no such type.
  if (orders.length === 0 || !mapParts.some(part => keyFormIn(map, part) === 'uuid')) return null;
  const samples = uuidSamples.map(uuid => `select cast('${uuid}' as uuid) as one`).join(' union all ');
  const rows = await database.em
    .getConnection()
    .execute<{ one: string | null }[]>(`select one from (${samples}) samples order by one`);
  const order = orderOf(
    rows.flatMap(({ one }) => one ?? []),
    orders,
  );
  if (order === undefined)
    return `This version of ${dialectOf(database).title} has UUIDs in an order that Rollcall does not know, so that pages would lose rows. Use another version, or copy the database with "rollcall import database --ids FILE".`;
  uuidOrders.set(database.driver, order);
  return null;
}

/** Returns the order in which UUIDs are, among some; undefined: it is none of them. */
export function orderOf(uuids: readonly string[], orders: readonly UuidOrder[]): UuidOrder | undefined {
  return orders.find(order =>
    uuids.every((uuid, index) => index === 0 || compareKeys(order(uuids[index - 1]!), order(uuid)) < 0),
  );
}
