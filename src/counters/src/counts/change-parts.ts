import type { AnyEntity, ChangeSet } from '@mikro-orm/core';

// Where each type has a table, a change set has a part for each table that it writes: itself, and those of the tables above.

/** Returns all parts of a change set. */
export function partsOf(changeSet: ChangeSet<AnyEntity>): readonly ChangeSet<AnyEntity>[] {
  const { tptChangeSets } = changeSet;
  return tptChangeSets ? [changeSet, ...tptChangeSets] : [changeSet];
}

/** Returns what a change set writes, in all tables. */
export function payloadOf(changeSet: ChangeSet<AnyEntity>): object {
  const { payload, tptChangeSets } = changeSet;
  // The key that the database gives is known to the part of the first table before the others.
  return tptChangeSets
    ? (Object.assign({}, payload, ...tptChangeSets.map(part => part.payload as object)) as object)
    : payload;
}

/** Returns the payload of the part that writes a property, to be changed. */
export function payloadWith(changeSet: ChangeSet<AnyEntity>, property: string): Record<string, unknown> {
  const part = changeSet.tptChangeSets && partsOf(changeSet).find(({ meta }) => isOwn(meta.ownProps, property));
  return (part ?? changeSet).payload as Record<string, unknown>;
}

function isOwn(properties: ChangeSet<AnyEntity>['meta']['ownProps'], property: string): boolean {
  return properties?.some(({ name }) => name === property) ?? false;
}
