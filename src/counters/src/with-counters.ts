import type { EventSubscriber } from '@mikro-orm/core';
import { SchemaGenerator } from '@mikro-orm/sql';
import type { Counter, CounterStrategy } from './declarations/define-counter.js';
import { CounterSubscriber } from './flush/subscriber.js';
import {
  countingClass,
  CountingEntityManager,
  CountingSchemaGenerator,
  type EntityManagerClass,
} from './guards/counting-entity-manager.js';

/** The options of the ORM that the counters extend. */
interface CountableOptions {
  subscribers?: Iterable<EventSubscriber | (new () => EventSubscriber)>;
  schemaGenerator?: object;
  extensions?: Extension[];
}

/** An extension of MikroORM. */
interface Extension {
  register: (orm: never) => void;
}

/**
 * Returns ORM options with the counters switched on: the subscriber that keeps them, and the guards against bypasses. An
 * entity manager of the application's own is extended. Errors: COUNTER_DECLARATION for one that cannot be.
 */
export function withCounters<Options extends object>(
  options: Options & CountableOptions,
  counters: readonly Counter[],
  strategy: CounterStrategy = 'hooks',
): Options {
  const { entityManager } = options as { entityManager?: EntityManagerClass };
  return {
    ...options,
    subscribers: [...(options.subscribers ?? []), new CounterSubscriber(counters, strategy)],
    entityManager: entityManager ? countingClass(entityManager) : CountingEntityManager,
    // Before the others, so that an application's own generator has precedence.
    extensions: [
      CountingSchemaGenerator,
      ...(options.extensions ?? []).filter(extension => extension !== SchemaGenerator),
    ],
    // Without this, a schema update would drop the triggers, which no entity declares.
    schemaGenerator: { ...options.schemaGenerator, ignoreTriggers: true },
  };
}
