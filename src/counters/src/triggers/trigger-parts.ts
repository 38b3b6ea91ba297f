import type { SqlEntityManager } from '@mikro-orm/sql';
import { amountSql, changedSql, numberSql } from '../declarations/amounts.js';
import type { ResolvedCounter } from '../declarations/counter-group.js';
import type { LocatedGroup } from '../declarations/schemas.js';
import { touchSql } from '../declarations/touches.js';
import type { Rollout, TriggerParts, TriggerRow } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { quoted } from '../sql/fragments.js';
import { nameIn, nameOfOwnSchema, OWN_SCHEMA } from '../sql/schemas.js';

/** Returns the name of a target's table as a trigger has to name it, whose own schema is that of the counted rows. */
function targetInTrigger(em: SqlEntityManager, { countedSchema, targetSchema, target }: LocatedGroup): string {
  if (!dialectOf(em).triggers.findsTablesBesideIt) return nameIn(targetSchema, target.tableName);
  if (countedSchema === targetSchema) return target.tableName;
  return nameIn(targetSchema === OWN_SCHEMA ? nameOfOwnSchema(em)! : targetSchema, target.tableName);
}

/** Returns what the bodies of a group's triggers are made of: those beside a guard, those for a rollout, or others. */
export function partsOf(
  group: LocatedGroup,
  em: SqlEntityManager,
  { rollout = null, guarded = false }: { readonly rollout?: Rollout | null; readonly guarded?: boolean },
): TriggerParts {
  const quote = (identifier: string): string => quoted(em, identifier);
  const { nullSafeEqual, greatest } = dialectOf(em);
  // A count that is not filled yet is too low: what is subtracted from it must neither fail nor make it negative.
  const floored = ({ amount }: ResolvedCounter, change: string, stored: string): string =>
    rollout?.kind === 'filling' && !amount.mayBeNegative ? `+ ${greatest}(0 ${change}, -${stored})` : change;
  const target = quote(targetInTrigger(em, group));
  const isTargetOf = (row: TriggerRow): string =>
    `(${group.targetKey.map((key, index) => `${target}.${quote(key)} = ${row}.${quote(group.foreignKey[index]!)}`).join(' and ')})`;
  const counted = (counter: ResolvedCounter, row: string): string => amountSql(em, counter, `${row}.`);
  const update = (
    row: TriggerRow,
    amount: (counter: ResolvedCounter) => string,
    changed: (counter: ResolvedCounter) => string | boolean,
    condition?: string,
  ): string => {
    const sets = group.counters.map(
      counter =>
        `${quote(counter.column)} = ${changedSql(em, counter, floored(counter, amount(counter), numberSql(em, counter)))}`,
    );
    const where = condition === undefined ? isTargetOf(row) : `${isTargetOf(row)} and ${condition}`;
    return `update ${target} set ${[...sets, ...touchSql(em, group.counters, changed)].join(', ')} where ${where};`;
  };
  const countsSome = (counter: ResolvedCounter, row: TriggerRow): string | boolean =>
    isConstant(counter) || `${counted(counter, row)} <> 0`;
  return {
    rollout,
    guarded,
    target,
    isTargetOf,
    moved: `not (${group.foreignKey.map(column => `new.${quote(column)} ${nullSafeEqual} old.${quote(column)}`).join(' and ')})`,
    recounted: group.counters.map(counter => `${counted(counter, 'new')} <> ${counted(counter, 'old')}`).join(' or '),
    add: (row, condition) =>
      update(
        row,
        counter => `+ ${counted(counter, row)}`,
        counter => countsSome(counter, row),
        condition,
      ),
    subtract: (row, condition) =>
      update(
        row,
        counter => `- ${counted(counter, row)}`,
        counter => countsSome(counter, row),
        condition,
      ),
    change: condition =>
      update(
        'new',
        counter => `+ ${counted(counter, 'new')} - ${counted(counter, 'old')}`,
        counter => !isConstant(counter) && `${counted(counter, 'new')} <> ${counted(counter, 'old')}`,
        condition,
      ),
    keys: group.targetKey.map((key, index) => ({
      target: quote(key),
      foreign: quote(group.foreignKey[index]!),
      type: group.targetParts[index]?.property.columnTypes[0] ?? '',
    })),
    counts: group.counters.map(counter => ({
      column: quote(counter.column),
      counted: row => counted(counter, row),
      mayBeNegative: counter.amount.mayBeNegative,
      floored: (change, stored) => floored(counter, change, stored),
    })),
    touches: group.counters.some(({ touches }) => touches.length > 0),
    touched: (changed, row) => touchSql(em, group.counters, counter => changed(group.counters.indexOf(counter)), row),
  };
}

/** Returns true for a counter to which each row adds 1. */
function isConstant({ condition, amount }: ResolvedCounter): boolean {
  return condition.tests.length === 0 && !amount.of;
}
