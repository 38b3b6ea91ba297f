import type { EntityClass } from '@mikro-orm/core';

/** The entity class behind a relation property's type, through Ref and null. */
export type RelationTarget<Relation> =
  NonNullable<Relation> extends { unwrap: () => infer Target } ? Target : NonNullable<Relation>;

/** The value, or the list of values, that each of some properties of a counted row must have. */
export type CounterCondition<Counted> = {
  readonly [Property in keyof Counted]?: ConditionValue | readonly ConditionValue[];
};

/** A value that a condition may compare with: an enum's value, a number, a boolean or null. */
export type ConditionValue = string | number | boolean | null;

/**
 * Who changes the stored counts: the hooks of this process, or triggers in the database, which see the writes of every
 * program.
 */
export type CounterStrategy = 'hooks' | 'triggers';

/**
 * One declared counter: the rows of `counted` that meet `where`, by the foreign key `by`, into the target's column
 * `into`.
 */
export interface Counter {
  readonly counted: EntityClass<object>;
  readonly by: string;
  readonly into: string;
  readonly where: Readonly<Record<string, ConditionValue | readonly ConditionValue[]>>;
}

/**
 * Declares a counter. The declaration is checked against the entities when the ORM starts (COUNTER_DECLARATION).
 *
 * @example
 *   defineCounter({ counted: Comment, by: 'post', into: 'commentCount', where: { approved: true } });
 */
export function defineCounter<Counted extends object, By extends keyof Counted & string>(declaration: {
  counted: EntityClass<Counted>;
  by: By;
  into: keyof RelationTarget<Counted[By]> & string;
  where?: CounterCondition<Counted>;
}): Counter {
  const { counted, by, into, where = {} } = declaration;
  return { counted, by, into, where };
}
