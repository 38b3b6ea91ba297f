import { graphqlSchema } from '../../src/graphql/schema.js';
import type { Kind } from './bad-values.js';
import { kinds } from './input-kinds.js';
import { placesOf } from './input-places.js';

/** Every place for a value in the schema. */
export const places = placesOf(graphqlSchema());

/** These places with their names, as the table of a test. */
export const namedPlaces = places.map(place => [`${place.field} ${place.path.join('.')}`, place] as const);

/** Returns the bad values of an argument or input field. Fails if none are listed. */
export function kindOf(coordinate: string): Kind {
  const kind = kinds[coordinate];
  if (!kind) throw new Error(`Nobody has said what is bad for ${coordinate}: give it a row in input-kinds.ts.`);
  return kind;
}
