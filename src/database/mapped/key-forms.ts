import type { SqlEntityManager } from '@mikro-orm/sql';
import { compareKeys, type Key, type KeyForm } from '../../entities/index.js';
import type { MapPart } from '../../map/map-form.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import { keyFormIn } from './mapped-metadata.js';
import { mapOf } from './mapped-driver.js';

/** Returns what the keys of users, courses or enrollments are in a database. */
export function keyFormOf(opened: Database | SqlEntityManager, part: MapPart): KeyForm {
  const driver = 'getDriver' in opened ? opened.getDriver() : opened.driver;
  const map = mapOf(driver);
  return map === null ? 'number' : keyFormIn(map, part);
}

/** Returns the comparison of the keys of a part for ascending order, in which the database has them. */
export function keyOrder(opened: Database | SqlEntityManager, part: MapPart): (one: Key, other: Key) => number {
  const { uuidInOrder } = dialectOf(opened).sql;
  if (keyFormOf(opened, part) !== 'uuid' || uuidInOrder === null) return compareKeys;
  return (one, other) => compareKeys(uuidInOrder(String(one)), uuidInOrder(String(other)));
}
