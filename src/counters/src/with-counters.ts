import type { EventSubscriber } from '@mikro-orm/core';
import { SchemaGenerator } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import { CountingEntityManager } from './counting-entity-manager.js';
import { CountingSchemaGenerator } from './counting-schema-generator.js';
import type { Counter } from './define-counter.js';
import type { CounterStrategy } from './strategy.js';
import { CounterSubscriber } from './subscriber.js';
import { HOOKS_VARIABLE } from './trigger-sql.js';

/** Is what the counters need to know of the ORM's options. */
interface CountableOptions {
  subscribers?: Iterable<EventSubscriber | (new () => EventSubscriber)>;
  onCreateConnection?: (connection: unknown) => Promise<void>;
  schemaGenerator?: object;
  extensions?: Extension[];
}

/** Is what MikroORM takes as an extension. */
interface Extension {
  register(orm: never): void;
}

/**
 * Gives the ORM options with the counters switched on: the subscriber that keeps them and the guards against bypasses.
 */
export function withCounters<Options extends CountableOptions>(
  options: Options,
  counters: readonly Counter[],
  strategy: CounterStrategy = 'hooks',
): Options {
  return {
    ...options,
    subscribers: [...(options.subscribers ?? []), new CounterSubscriber(counters, strategy)],
    entityManager: CountingEntityManager,
    // Before others, so that an application's own generator stays.
    extensions: [
      CountingSchemaGenerator,
      ...(options.extensions ?? []).filter(extension => extension !== SchemaGenerator),
    ],
    // Else a schema update would drop the triggers, which no entity declares.
    schemaGenerator: { ...options.schemaGenerator, ignoreTriggers: true },
    // MikroORM calls it for connections to MySQL and MariaDB only.
    onCreateConnection: async (connection: unknown) => {
      await options.onCreateConnection?.(connection);
      if (strategy === 'hooks')
        await (connection as DatabaseConnection).executeQuery(CompiledQuery.raw(`set ${HOOKS_VARIABLE} = 1`));
    },
  };
}
