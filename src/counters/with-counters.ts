import type { EventSubscriber } from '@mikro-orm/core';
import { CountingEntityManager } from './counting-entity-manager.js';
import type { Counter } from './define-counter.js';
import { CounterSubscriber } from './subscriber.js';

/** Gives the ORM options with the counters switched on: the subscriber that keeps them and the guards against bypasses. */
export function withCounters<Options extends { subscribers?: Iterable<EventSubscriber | (new () => EventSubscriber)> }>(options: Options, counters: readonly Counter[]): Options {
  return { ...options, subscribers: [...(options.subscribers ?? []), new CounterSubscriber(counters)], entityManager: CountingEntityManager };
}
