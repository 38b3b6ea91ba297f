import { UnderscoreNamingStrategy } from '@mikro-orm/core';
import { countedStatuses, storedCounts } from '../entities/index.js';
import type { CountInSql } from '../migrations/count-sql.js';

/** The declared stored counts of courses, as SQL has them. */
export const declaredCounts: readonly CountInSql[] = storedCounts.map(({ counter }) => ({
  column: columnOfCount(counter.into),
  statuses: countedStatuses(counter),
}));

/** Returns the column of a stored count in a database of our own. */
export function columnOfCount(property: string): string {
  return new UnderscoreNamingStrategy().propertyToColumnName(property);
}
