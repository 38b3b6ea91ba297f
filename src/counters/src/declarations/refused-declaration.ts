import type { EntityMetadata, MetadataStorage } from '@mikro-orm/core';
import { CounterError } from '../errors.js';
import type { Counter } from './define-counter.js';

/** Returns what makes the error of a declaration from its problem: COUNTER_DECLARATION. */
export function refusing({ counted, by, into }: Counter): (problem: string) => CounterError {
  return problem => new CounterError('COUNTER_DECLARATION', `The counter ${counted.name}.${by} → ${into}: ${problem}.`);
}

/** Returns the metadata of a counter's rows. Errors: COUNTER_DECLARATION, where the ORM does not know them. */
export function countedMeta(counter: Counter, metadata: MetadataStorage): EntityMetadata {
  const counted = metadata.find(counter.counted) as EntityMetadata | undefined;
  if (!counted) throw refusing(counter)(`${counter.counted.name} is not among the ORM's entities`);
  return counted;
}
