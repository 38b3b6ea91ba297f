import type { EntityMetadata, Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { rolloutAdvice, rollouts } from './rollout-triggers.js';
import type { SomeCounters } from '../counts/rollouts.js';
import { onwardOf } from '../declarations/levels.js';
import { requireRegistry, type CounterRegistry } from '../declarations/registry.js';
import { groupsOf, type LocatedGroup } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import type { DatabaseError } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { existingTriggers, keptByTriggers, triggerStatus } from './triggers.js';

/**
 * Checks that the entity manager's strategy and the database's triggers agree (COUNTER_STRATEGY): under "triggers" all
 * must exist, under "hooks" none, because both at once would count twice. A counter may have its triggers for a rollout
 * beside either strategy, but all of them, and its rows must be counted.
 */
export async function checkStrategy(em: SqlEntityManager): Promise<void> {
  const { strategy } = requireRegistry(em);
  const half = (await rollouts(em)).find(({ state }) => state === 'incomplete' || state === 'filling');
  if (half) throw new CounterError('COUNTER_STRATEGY', rolloutAdvice(half));
  const status = await triggerStatus(em);
  const existing = existingTriggers(status);
  const wrong = [...status.missing, ...status.different, ...status.superfluous, ...status.foreign];
  if (strategy === 'hooks' && existing.length > 0) {
    throw new CounterError(
      'COUNTER_STRATEGY',
      `The database keeps the counters with triggers (${existing.join(', ')}), and this process would keep them with hooks. Choose one strategy.`,
    );
  }
  if (strategy === 'triggers' && wrong.length > 0) {
    throw new CounterError(
      'COUNTER_STRATEGY',
      `The counters are to be kept by triggers, but in the database these are missing or not those of the declared counters: ${wrong.join(', ')}. Install them first.`,
    );
  }
}

/** What of a transaction's counting hooks leave to triggers. */
export interface LeftToTriggers {
  /** True where they leave all of it, and only take the locks. */
  readonly all: boolean;
  /** The counters that they leave, where these are some. */
  readonly some: SomeCounters;
}

const NOTHING: SomeCounters = new Map();

/**
 * Returns what of the counting is left to triggers in a transaction.
 *
 * On SQLite it may be some although this process means to count with hooks: another one has installed them since. On the
 * servers a variable of the session makes triggers leave the counting to hooks; SQLite has none, so there hooks leave it
 * to triggers.
 */
export async function leftToTriggers(
  em: SqlEntityManager,
  transaction: Transaction,
  registry: CounterRegistry,
  groups: readonly LocatedGroup[] = groupsOf(em, registry),
): Promise<LeftToTriggers> {
  if (registry.strategy === 'triggers') return { all: true, some: NOTHING };
  if (!dialectOf(em).triggers.precedeHooks) return { all: false, some: NOTHING };
  const some = await keptByTriggers(em, transaction, groups);
  refuseHalfLevels(em, registry, some);
  const all = groups.every(group => some.get(group)?.size === group.counters.length);
  return { all, some: all ? NOTHING : some };
}

/**
 * Refuses to leave a stored count to triggers, and to keep what sums it with hooks (COUNTER_STRATEGY), which would not
 * see it change.
 */
function refuseHalfLevels(em: SqlEntityManager, registry: CounterRegistry, some: SomeCounters): void {
  if (!registry.hasLevels) return;
  for (const [group, left] of some)
    for (const { group: next, places } of onwardOf(em, registry, group))
      for (const [from, to] of places) {
        const [counter, sum] = [group.counters[from]!, next.counters[to]!];
        if (left.has(counter) && !some.get(next)?.has(sum))
          throw new CounterError(
            'COUNTER_STRATEGY',
            `Triggers keep ${counter.name}, and hooks would keep ${sum.name}, which sums it, without seeing it change. Install or remove the triggers of both.`,
          );
      }
}

/**
 * Refuses to leave the counting to triggers that no longer exist (COUNTER_STRATEGY). It is asked under the locks of the
 * targets, for which a change of the triggers waits.
 */
export async function requireTriggers(
  em: SqlEntityManager,
  transaction: Transaction,
  registry: CounterRegistry,
  groups: readonly LocatedGroup[] = groupsOf(em, registry),
): Promise<void> {
  if (registry.strategy !== 'triggers') return;
  const kept = await keptByTriggers(em, transaction, groups);
  if (groups.every(group => kept.get(group)?.size === group.counters.length)) return;
  throw new CounterError(
    'COUNTER_STRATEGY',
    'The triggers that this process leaves the counting to are not in the database, or its user lacks the privilege TRIGGER to see them. Install them, or count with hooks.',
  );
}

/**
 * Returns COUNTER_UNDERFLOW, as hooks throw it, for the error with which a database keeps a trigger from making a stored
 * count negative; null for any other error.
 */
export function underflowOf(em: SqlEntityManager, error: unknown, { groups }: CounterRegistry): CounterError | null {
  if (!isDatabaseError(error)) return null;
  const dialect = dialectOf(em);
  const check = dialect.violatedCheck(error);
  for (const { target, counters } of groups) {
    const counter = counters.find(
      ({ column, amount }) =>
        !amount.mayBeNegative &&
        (dialect.isBelowRange(error, target.tableName, column) ||
          (check !== undefined && forbidsNegative(check, target, column))),
    );
    if (!counter) continue;
    return new CounterError(
      'COUNTER_UNDERFLOW',
      `The change would make ${counter.name} negative: rows were written past the counters. Verify to find the ${target.className}, recount it, then try again.`,
      { cause: error },
    );
  }
  return null;
}

function isDatabaseError(error: unknown): error is DatabaseError {
  return typeof (error as { message?: unknown } | null | undefined)?.message === 'string';
}

/** Returns true for a CHECK, given by its name or its expression, that says of this column alone that it is not negative. */
function forbidsNegative(check: string, target: EntityMetadata, column: string): boolean {
  const declared = target.checks.find(({ name }) => name === check)?.expression;
  const expression = (typeof declared === 'string' ? declared : check).replace(/[`"[\]()\s]/g, '');
  return expression === `${column}>=0`;
}
