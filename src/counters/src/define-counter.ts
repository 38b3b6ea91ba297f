import type { EntityClass } from '@mikro-orm/core';

/** Names the entity class behind a relation property's type, through Ref and null. */
export type RelationTarget<Relation> =
  NonNullable<Relation> extends { unwrap(): infer Target } ? Target : NonNullable<Relation>;

/** Gives for each property the one value, or the list of values, that a counted row must have. */
export type CounterCondition<Counted> = {
  readonly [Property in keyof Counted]?: ConditionValue | readonly ConditionValue[];
};

/** Holds what a condition may compare with: an enum's value, a number, a boolean or null. */
export type ConditionValue = string | number | boolean | null;

/**
 * Declares one counter: the rows of `counted` that meet `where`, by the foreign key `by`, into the target's column
 * `into`.
 */
export interface Counter {
  readonly counted: EntityClass<object>;
  readonly by: string;
  readonly into: string;
  readonly where: Readonly<Record<string, ConditionValue | readonly ConditionValue[]>>;
}

/** Defines a counter; the declaration is checked against the entities when the ORM starts (COUNTER_DECLARATION). */
export function defineCounter<Counted extends object, By extends keyof Counted & string>(declaration: {
  counted: EntityClass<Counted>;
  by: By;
  into: keyof RelationTarget<Counted[By]> & string;
  where?: CounterCondition<Counted>;
}): Counter {
  const { counted, by, into, where = {} } = declaration;
  return { counted: counted as EntityClass<object>, by, into, where: where as Counter['where'] };
}
