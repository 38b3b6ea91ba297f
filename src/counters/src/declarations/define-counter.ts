import type { EntityClass, Primary } from '@mikro-orm/core';
import { CounterError } from '../errors.js';

/** The entity class behind a relation property's type, through Ref and null. */
type RelationTarget<Relation> =
  NonNullable<Relation> extends { unwrap: () => infer Target } ? Target : NonNullable<Relation>;

/** A relation, or several with points between them. */
export type Path<Entity> = (keyof Entity & string) | `${keyof Entity & string}.${string}`;

/** The entity class to which a path leads; `never` where it leads nowhere. */
export type PathTarget<Entity, Way extends string> = Way extends `${infer First}.${infer Rest}`
  ? First extends keyof Entity
    ? PathTarget<RelationTarget<Entity[First]>, Rest>
    : never
  : Way extends keyof Entity
    ? RelationTarget<Entity[Way]>
    : never;

/**
 * What a counted row must be, in MikroORM's own words: the rows that em.find() finds with it are counted, but texts are
 * compared by their bytes.
 */
export type CounterCondition<Counted> = {
  readonly [Property in keyof Counted & string]?: PropertyCondition<Counted[Property]>;
} & {
  readonly $and?: readonly CounterCondition<Counted>[];
  readonly $or?: readonly CounterCondition<Counted>[];
  readonly $not?: CounterCondition<Counted>;
};

/** What one property must be: a value, a list of values, or operators. */
type PropertyCondition<Value> =
  | ConditionValue<Value>
  | readonly ConditionValue<Value>[]
  | ConditionOperators<Compared<Value>, Null<Value>>
  | Part<NonNullable<Value>>;

/** Operators on one property; a row without a value meets none but `$eq: null` and a list with null. */
interface ConditionOperators<Value, Nothing> {
  readonly $eq?: Value | Nothing;
  readonly $ne?: Value | Nothing;
  readonly $in?: readonly (Value | Nothing)[];
  readonly $nin?: readonly (Value | Nothing)[];
  readonly $gt?: Value;
  readonly $gte?: Value;
  readonly $lt?: Value;
  readonly $lte?: Value;
}

/** A value that a condition may compare a property with. */
type ConditionValue<Value> = Compared<Value> | Null<Value>;

type Scalar = string | number | bigint | boolean | Date;

/** Null for a property that may have no value. */
type Null<Value> = null extends Value ? null : undefined extends Value ? null : never;

/** The values of a property, or the keys of a relation. */
type Compared<Value> = ComparedPresent<NonNullable<Value>>;

type ComparedPresent<Value> = Value extends Scalar ? Value : Extract<Primary<RelationTarget<Value>>, Scalar>;

/** The condition on the properties of an embedded object. */
type Part<Value> = Value extends Scalar | readonly unknown[] | { unwrap: () => unknown }
  ? never
  : CounterCondition<Value>;

/** The names of the properties that may hold a number: numbers, bigints, and decimals as texts. */
export type NumberProperty<Entity> = [Entity] extends [never]
  ? never
  : {
      [Property in keyof Entity & string]: NonNullable<Entity[Property]> extends number | bigint | string
        ? Property
        : never;
    }[keyof Entity & string];

/** The names of the properties that may be touched: dates and whole numbers. */
export type TouchedProperty<Entity> = [Entity] extends [never]
  ? never
  : {
      [Property in keyof Entity & string]: NonNullable<Entity[Property]> extends Date | number ? Property : never;
    }[keyof Entity & string];

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
  /** A relation, or several, each of the entity to which the one before leads. */
  readonly by: string;
  /** The entity whose rows store the count, where the relation leads to several entities. */
  readonly target?: EntityClass<object>;
  readonly into: string;
  /** The property whose values are added up; left out, each row counts 1. */
  readonly sum?: string;
  /** A CounterCondition; left out, all rows are counted. */
  readonly where?: Readonly<Record<string, unknown>>;
  /** Properties of the target that change with the stored count. */
  readonly touch?: string | readonly string[];
}

const OPTIONS = ['counted', 'by', 'target', 'into', 'sum', 'where', 'touch'];

/**
 * Declares a counter. The declaration is checked against the entities when the ORM starts. Errors: COUNTER_DECLARATION
 * for an option that does not exist.
 *
 * @example
 *   defineCounter({ counted: Comment, by: 'post', into: 'commentCount', where: { deletedAt: null } });
 *   defineCounter({ counted: OrderLine, by: 'order', into: 'total', sum: 'amount' });
 *   defineCounter({ counted: Post, by: 'thread.board', into: 'postCount' });
 *   defineCounter({ counted: Like, by: 'likeable', target: Photo, into: 'likeCount' });
 *   defineCounter({ counted: Comment, by: 'post', into: 'commentCount', touch: ['updatedAt', 'version'] });
 */
export function defineCounter<
  Counted extends object,
  const By extends Path<Counted>,
  Target extends object = PathTarget<Counted, By> & object,
>(declaration: {
  counted: EntityClass<Counted>;
  by: By;
  target?: EntityClass<Target>;
  into: NumberProperty<NoInfer<Target>>;
  sum?: NumberProperty<Counted>;
  where?: CounterCondition<Counted>;
  touch?: TouchedProperty<NoInfer<Target>> | readonly TouchedProperty<NoInfer<Target>>[];
}): Counter {
  refuseUnknownOptions(declaration);
  const { counted, by, target, into, sum, where = {}, touch } = declaration;
  return {
    counted,
    by,
    ...(target !== undefined && { target }),
    into,
    ...(sum !== undefined && { sum }),
    where,
    ...(touch !== undefined && { touch }),
  };
}

/** Refuses options that a counter does not have (COUNTER_DECLARATION), which would be ignored otherwise. */
export function refuseUnknownOptions(declaration: object): void {
  const unknown = Object.keys(declaration).find(name => !OPTIONS.includes(name));
  if (unknown !== undefined)
    throw new CounterError(
      'COUNTER_DECLARATION',
      `A counter has no option "${unknown}"; the options are ${OPTIONS.join(', ')}. What a row must be belongs into "where".`,
    );
}
