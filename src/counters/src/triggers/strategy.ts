import type { EntityMetadata, Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterRegistry } from '../declarations/registry.js';
import { groupsOf, type LocatedGroup } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import type { DatabaseError } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { countedByTriggers, existingTriggers, requireRegistry, triggerStatus } from './triggers.js';

/**
 * Checks that the entity manager's strategy and the database's triggers agree (COUNTER_STRATEGY): under "triggers" all
 * must exist, under "hooks" none, because both at once would count twice.
 */
export async function checkStrategy(em: SqlEntityManager): Promise<void> {
  const { strategy } = requireRegistry(em);
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

/**
 * Returns true for a transaction in which triggers count.
 *
 * On SQLite they may do so although this process means to count with hooks: another one has installed them since. On
 * MySQL and MariaDB a session variable makes triggers leave the counting to hooks; SQLite has none, so there hooks leave
 * it to triggers.
 */
export async function leavesToTriggers(
  em: SqlEntityManager,
  transaction: Transaction,
  registry: CounterRegistry,
  groups: readonly LocatedGroup[] = groupsOf(em, registry),
): Promise<boolean> {
  if (registry.strategy === 'triggers') return true;
  if (!dialectOf(em).triggers.precedeHooks) return false;
  const found = [...(await countedByTriggers(em, transaction, groups))];
  const some = found.filter(([, amount]) => amount > 0).map(([schema]) => schema);
  if (some.length > 0 && some.length < found.length)
    throw new CounterError(
      'COUNTER_STRATEGY',
      `Triggers count in the schema ${some.join(', ')} and not in all others that are written at the same time. Install or remove them in each.`,
    );
  return some.length > 0;
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
  const found = await countedByTriggers(em, transaction, groups);
  if ([...found.values()].reduce((sum, amount) => sum + amount, 0) === groups.length) return;
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
