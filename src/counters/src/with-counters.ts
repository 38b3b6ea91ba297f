import type { EventSubscriber } from '@mikro-orm/core';
import { SchemaGenerator } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import type { Counter, CounterStrategy } from './declarations/define-counter.js';
import { CounterSubscriber } from './flush/subscriber.js';
import { CountingEntityManager, CountingSchemaGenerator } from './guards/counting-entity-manager.js';
import { HOOKS_VARIABLE } from './sql/dialects/mysql-and-mariadb.js';

/** The options of the ORM that the counters extend. */
interface CountableOptions {
  subscribers?: Iterable<EventSubscriber | (new () => EventSubscriber)>;
  onCreateConnection?: (connection: unknown) => Promise<void>;
  schemaGenerator?: object;
  extensions?: Extension[];
}

/** An extension of MikroORM. */
interface Extension {
  register: (orm: never) => void;
}

/** Returns ORM options with the counters switched on: the subscriber that keeps them, and the guards against bypasses. */
export function withCounters<Options extends object>(
  options: Options & CountableOptions,
  counters: readonly Counter[],
  strategy: CounterStrategy = 'hooks',
): Options {
  return {
    ...options,
    subscribers: [...(options.subscribers ?? []), new CounterSubscriber(counters, strategy)],
    entityManager: CountingEntityManager,
    // Before the others, so that an application's own generator has precedence.
    extensions: [
      CountingSchemaGenerator,
      ...(options.extensions ?? []).filter(extension => extension !== SchemaGenerator),
    ],
    // Without this, a schema update would drop the triggers, which no entity declares.
    schemaGenerator: { ...options.schemaGenerator, ignoreTriggers: true },
    // MikroORM calls it for connections to MySQL and MariaDB, not for SQLite.
    onCreateConnection: async (connection: unknown) => {
      await options.onCreateConnection?.(connection);
      if (strategy === 'hooks')
        await (connection as DatabaseConnection).executeQuery(CompiledQuery.raw(`set ${HOOKS_VARIABLE} = 1`));
    },
  };
}
