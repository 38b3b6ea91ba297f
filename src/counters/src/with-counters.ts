import type { EventSubscriber, MikroORM } from '@mikro-orm/core';
import { SchemaGenerator } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import type { Counter, CounterStrategy } from './declarations/define-counter.js';
import { CounterSubscriber } from './flush/subscriber.js';
import {
  countingClass,
  CountingEntityManager,
  CountingSchemaGenerator,
  type EntityManagerClass,
} from './guards/counting-entity-manager.js';
import { dialectOf } from './sql/dialects/dialects.js';

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
  const sessions = new HookSessions();
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
      if (strategy === 'hooks') await sessions.begin(connection as DatabaseConnection);
    },
  };
}

/** The sessions of an ORM whose hooks count. It is an extension, because only these get the ORM before it connects. */
class HookSessions implements Extension {
  #statement: string | null = null;

  register({ config }: MikroORM): void {
    this.#statement = dialectOf(config).triggers.leaveToHooksSql;
  }

  /** Tells a new session that hooks count, so that triggers do not. */
  async begin(connection: DatabaseConnection): Promise<void> {
    if (this.#statement !== null) await connection.executeQuery(CompiledQuery.raw(this.#statement));
  }
}
