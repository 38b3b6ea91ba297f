import type { EventSubscriber, MikroORM } from '@mikro-orm/core';
import { SchemaGenerator } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import type { Counter, CounterStrategy } from './declarations/define-counter.js';
import { CounterSubscriber } from './flush/subscriber.js';
import { CountingEntityManager, CountingSchemaGenerator } from './guards/counting-entity-manager.js';
import { dialectOf } from './sql/dialects/dialects.js';

/** The options of the ORM that the counters extend. */
interface CountableOptions {
  subscribers?: Iterable<EventSubscriber | (new () => EventSubscriber)>;
  onCreateConnection?: (connection: unknown) => Promise<void>;
  onReserveConnection?: (connection: unknown) => Promise<void>;
  sessionContext?: 'transaction' | 'connection';
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
  const session = new HookSessions();
  const keep = (connection: unknown): Promise<void> =>
    strategy === 'hooks' ? session.begin(connection as DatabaseConnection) : Promise.resolve();
  return {
    ...options,
    subscribers: [...(options.subscribers ?? []), new CounterSubscriber(counters, strategy)],
    entityManager: CountingEntityManager,
    // Before the others, so that an application's own generator has precedence.
    extensions: [
      session,
      CountingSchemaGenerator,
      ...(options.extensions ?? []).filter(extension => extension !== SchemaGenerator),
    ],
    // Without this, a schema update would drop the triggers, which no entity declares.
    schemaGenerator: { ...options.schemaGenerator, ignoreTriggers: true },
    // MikroORM calls it for connections to servers, not for SQLite.
    onCreateConnection: async (connection: unknown) => {
      await options.onCreateConnection?.(connection);
      await keep(connection);
    },
    // With this option, MikroORM resets all settings of a session whenever a connection is taken.
    ...(options.sessionContext === 'connection' && {
      onReserveConnection: async (connection: unknown) => {
        await options.onReserveConnection?.(connection);
        await keep(connection);
      },
    }),
  };
}

/** The sessions of an ORM whose hooks count. It is an extension, because only these get the ORM before it connects. */
class HookSessions implements Extension {
  #statement: string | null = null;

  register(orm: MikroORM): void {
    this.#statement = dialectOf(orm.config).triggers.leaveToHooksSql;
  }

  /** Tells a new session that hooks count, so that triggers do not. */
  async begin(connection: DatabaseConnection): Promise<void> {
    if (this.#statement !== null) await connection.executeQuery(CompiledQuery.raw(this.#statement));
  }
}
