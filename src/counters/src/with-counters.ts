import type { EventSubscriber, MikroORM } from '@mikro-orm/core';
import { SchemaGenerator, type SqlEntityManager } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import type { Counter, CounterStrategy } from './declarations/define-counter.js';
import { registryOf } from './declarations/registry.js';
import { CounterSubscriber } from './flush/subscriber.js';
import {
  countingClass,
  CountingEntityManager,
  CountingSchemaGenerator,
  type EntityManagerClass,
} from './guards/counting-entity-manager.js';
import { sessionSql } from './guards/driver-guard.js';

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
  const sessions = new Sessions();
  return {
    ...options,
    subscribers: [...(options.subscribers ?? []), new CounterSubscriber(counters, strategy)],
    entityManager: entityManager ? countingClass(entityManager) : CountingEntityManager,
    // Before the others, so that an application's own generator has precedence.
    extensions: [
      sessions,
      CountingSchemaGenerator,
      ...(options.extensions ?? []).filter(extension => extension !== SchemaGenerator),
    ],
    // Without this, a schema update would drop the triggers, which no entity declares.
    schemaGenerator: { ...options.schemaGenerator, ignoreTriggers: true },
    // MikroORM calls it for connections to servers, not for SQLite.
    onCreateConnection: async (connection: unknown) => {
      await options.onCreateConnection?.(connection);
      await sessions.begin(connection as DatabaseConnection);
    },
  };
}

/** The sessions of an ORM. It is an extension, because only these get the ORM before it connects. */
class Sessions implements Extension {
  #orm: MikroORM | undefined;

  register(orm: MikroORM): void {
    this.#orm = orm;
  }

  /** Prepares a new session. */
  async begin(connection: DatabaseConnection): Promise<void> {
    if (!this.#orm) return;
    const em = this.#orm.em as SqlEntityManager;
    const registry = registryOf(em);
    // The application has taken the subscriber out again.
    if (!registry) return;
    for (const sql of sessionSql(em, registry)) await connection.executeQuery(CompiledQuery.raw(sql));
  }
}
