import { inspect } from 'node:util';
import { isRaw, JsonType, ReferenceKind, types, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../errors.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { quoted } from '../sql/fragments.js';
import { enumKind, kindOf, type Comparable, type Kind, type Operator } from './condition-kinds.js';
import type { Counter } from './define-counter.js';
import type { Discriminator } from './discriminator.js';
import { conditionOnType, otherColumn } from './inheritance.js';
import { hasTypeTables } from './rows-of-types.js';
import { referenceProblem, uniqueKeyOf } from './mapping-options.js';

/** The raw values of one counted row, by property name. */
export type Values = Readonly<Record<string, unknown>>;

/** What a counted row must be: one evaluator in memory and one writer of SQL follow the same tree. */
export interface Condition {
  readonly root: Node;
  /** All tests of the tree; without any, every row meets the condition. */
  readonly tests: readonly (NullTest | Comparison)[];
}

/**
 * A part of a condition. None negates another: negations are moved down to the tests when the condition is read, so that
 * a test is either true or not, and SQL's third value, unknown, is nowhere turned round.
 */
type Node = Branch<'all'> | Branch<'any'> | NullTest | Comparison;

interface Branch<Type> {
  readonly type: Type;
  readonly parts: readonly Node[];
}

/** A test of one property, or the amount in one, which decides nothing, and is watched as tests are. */
export type Test = NullTest | Comparison | AmountTest;

/** The property whose values are added up. */
export interface AmountTest extends PropertyTest {
  readonly type: 'amount';
  /** Returns true for an amount that the database will store as memory has it. */
  readonly isForeseeable: (value: unknown) => boolean;
}

interface PropertyTest {
  readonly property: string;
  readonly columns: readonly string[];
  /** True where the database gives a new row a value that memory does not know. */
  readonly defaulted: boolean;
}

/** A test of whether a property is null. */
interface NullTest extends PropertyTest {
  readonly type: 'null' | 'notNull';
  /** True for JSON, whose own null is null too. */
  readonly json: boolean;
  /** True where JSON's null reads as a text; MySQL's driver gives it as null. */
  readonly readAsText: boolean;
  /** True for a type of the application's own, which may turn any value into null. */
  readonly ownType: boolean;
}

/** A comparison of a property that is not null. */
interface Comparison extends PropertyTest {
  readonly type: 'comparison';
  readonly kind: Kind;
  readonly operator: Operator;
  readonly values: readonly unknown[];
  /** The values in the form in which they are compared. */
  readonly operands: readonly Comparable[];
}

/** Returns true for a row whose values meet a condition. The values may come from an entity or raw from the database. */
export function meets({ root }: Condition, values: Values): boolean {
  return isMet(root, values);
}

function isMet(node: Node, values: Values): boolean {
  if (node.type === 'all') return node.parts.every(part => isMet(part, values));
  if (node.type === 'any') return node.parts.some(part => isMet(part, values));
  const value = values[node.property];
  if (node.type === 'comparison') return isTrue(node, value);
  return isNull(node, value) === (node.type === 'null');
}

function isNull({ json, readAsText }: NullTest, value: unknown): boolean {
  return value === null || value === undefined || (json && readAsText && value === NULL_OF_JSON);
}

function isTrue({ kind, operator, operands }: Comparison, value: unknown): boolean {
  if (value === null || value === undefined) return false;
  const form = kind.normal(value);
  if (form === undefined) return false;
  if (operator === 'in') return operands.includes(form);
  if (operator === 'notIn') return !operands.includes(form);
  const order = kind.compare(form, operands[0]!);
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

/**
 * Returns the SQL condition for exactly those rows for which `meets()` returns true: hooks and verify must not count any
 * row differently, however its values came to be.
 *
 * So no collation decides: "Active" is not "active", nor is "active ". The values are the declaration's own and are
 * written into the SQL as numbers or as bytes. `row` goes before each column: `new.` in a trigger.
 */
export function conditionSql(em: SqlEntityManager, { root }: Condition, row = ''): string {
  return nodeSql(em, root, row);
}

function nodeSql(em: SqlEntityManager, node: Node, row: string): string {
  if ('parts' in node) {
    if (node.parts.length === 0) return '1 = 1';
    const parts = node.parts.map(part => nodeSql(em, part, row));
    return parts.length === 1 ? parts[0]! : `(${parts.join(node.type === 'all' ? ' and ' : ' or ')})`;
  }
  const names = node.columns.map(column => `${row}${quoted(em, column)}`);
  if (node.type === 'comparison') return node.kind.sql(names[0]!, node.operator, node.values);
  const { conditions } = dialectOf(em);
  const isJsonNull = node.json ? [`${conditions.text.of(names[0]!)} = ${conditions.text.literal(NULL_OF_JSON)}`] : [];
  return node.type === 'null'
    ? `(${[...names.map(name => `${name} is null`), ...isJsonNull].join(' or ')})`
    : `(${[...names.map(name => `${name} is not null`), ...isJsonNull.map(text => `not ${text}`)].join(' and ')})`;
}

/** JSON's null as a text. The text "null" is another in JSON: it has quotes. */
const NULL_OF_JSON = 'null';

/**
 * Returns true for a value that the database will store as memory has it.
 *
 * Nobody can foresee what an SQL fragment gives, nor a value that some databases store in another form: MySQL stores an
 * enumeration's "ACTIVE" as "active", and 2.6 in a column of whole numbers as 3.
 */
export function isForeseeable(test: Test, value: unknown): boolean {
  if (value === undefined) return !test.defaulted;
  if (test.type === 'comparison') return value === null || test.kind.isForeseeable(value);
  if (test.type === 'amount') return value === null || test.isForeseeable(value);
  if (test.ownType) return false;
  // SQLite stores NaN as null.
  if (typeof value === 'number') return Number.isFinite(value);
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  // What JSON it becomes depends on who writes it.
  if (test.json && value === NULL_OF_JSON) return false;
  return !isRaw(value);
}

const OPERATORS = {
  $eq: 'in',
  $in: 'in',
  $ne: 'notIn',
  $nin: 'notIn',
  $gt: '>',
  $gte: '>=',
  $lt: '<',
  $lte: '<=',
} as const satisfies Record<string, Operator>;

const NEGATED: Readonly<Record<Operator, Operator>> = {
  in: 'notIn',
  notIn: 'in',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
};

type Properties = Readonly<Record<string, EntityProperty>>;

/**
 * Returns what a counter's `where` means, for the rows of the counted entity's type. Errors: COUNTER_DECLARATION where it
 * cannot mean what it says.
 */
export function conditionOf(counter: Counter, counted: EntityMetadata, em: SqlEntityManager): Condition {
  const reader = new ConditionReader(counter, counted, em);
  const root = reader.read(counter.where === undefined ? {} : counter.where, counted.properties, 'where', false);
  const type = conditionOnType(counted, em.getMetadata());
  return withTests(type ? all([reader.read(type, counted.properties, 'where', false), root], false) : root);
}

/** Returns a condition for those rows only whose relation leads to one of several entities. */
export function onlyOfTarget(
  { root }: Condition,
  { name, discriminatorMap }: EntityProperty,
  { column, values }: Discriminator,
  em: SqlEntityManager,
): Condition {
  const { conditions } = dialectOf(em);
  const test: Comparison = {
    type: 'comparison',
    property: `${name} ${column}`,
    columns: [column],
    defaulted: false,
    kind: enumKind(Object.keys(discriminatorMap ?? {}), { conditions, platform: em.getPlatform() }),
    operator: 'in',
    values,
    operands: values,
  };
  return withTests(all([test, root], false));
}

function withTests(root: Node): Condition {
  return { root, tests: testsOf(root) };
}

function testsOf(node: Node): (NullTest | Comparison)[] {
  return 'parts' in node ? node.parts.flatMap(testsOf) : [node];
}

/** Reads one counter's condition. `place` is where a part of it stands, for the errors. */
class ConditionReader {
  constructor(
    private readonly counter: Counter,
    private readonly counted: EntityMetadata,
    private readonly em: SqlEntityManager,
  ) {}

  read(where: unknown, properties: Properties, place: string, negated: boolean): Node {
    if (!isPlainObject(where)) throw this.#refusal(place, where, 'give an object with the properties to compare');
    const [symbol] = Object.getOwnPropertySymbols(where);
    if (symbol) throw this.#refusal(place, symbol, 'SQL fragments cannot be compared in memory; name a property');
    return all(
      Object.entries(where).map(([name, value]) => this.#readPart(name, value, properties, place, negated)),
      negated,
    );
  }

  /** Reads a condition that must ask for something. */
  #readNonEmpty(where: unknown, properties: Properties, place: string, negated: boolean): Node {
    if (isPlainObject(where) && Object.keys(where).length === 0 && Object.getOwnPropertySymbols(where).length === 0)
      throw this.#refusal(place, where, 'an empty condition asks for nothing; leave it out');
    return this.read(where, properties, place, negated);
  }

  #readPart(name: string, value: unknown, properties: Properties, place: string, negated: boolean): Node {
    const here = name.startsWith('$') && place === 'where' ? name : `${place === 'where' ? '' : `${place}.`}${name}`;
    switch (name) {
      case '$and':
      case '$or': {
        if (!Array.isArray(value) || value.length === 0)
          throw this.#refusal(here, value, 'give a list of one or more conditions');
        const parts = value.map(one => this.#readNonEmpty(one, properties, here, negated));
        return all(parts, (name === '$or') !== negated);
      }
      case '$not':
        return this.#readNonEmpty(value, properties, here, !negated);
      default:
    }
    if (name.startsWith('$'))
      throw this.#refusal(here, value, 'of the operators on conditions there are $and, $or and $not');
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!property) throw this.#refusal(here, value, `"${name}" is not a property of the counted entity`);
    if (value === undefined)
      throw this.#refusal(
        here,
        value,
        'leave the property out to count all rows, or give null for rows without a value',
      );
    if (property.kind === ReferenceKind.EMBEDDED && !property.object && !property.array) {
      if (isPlainObject(value) && !Object.keys(value).some(key => key in OPERATORS))
        return this.#readNonEmpty(value, property.embeddedProps, here, negated);
      throw this.#refusal(here, value, 'an embedded object has several columns; name one of its properties');
    }
    return this.#readProperty(property, value, here, negated);
  }

  #readProperty(property: EntityProperty, value: unknown, place: string, negated: boolean): Node {
    const problem = problemOf(property) ?? this.#otherColumn(property);
    if (problem) throw this.#refusal(place, value, problem);
    if (!isPlainObject(value)) {
      return this.#compare(property, Array.isArray(value) ? '$in' : '$eq', value, place, negated);
    }
    const entries = Object.entries(value);
    if (entries.length === 0) throw this.#refusal(place, value, 'an empty object asks for nothing; leave it out');
    if (isJson(property) && !Object.keys(value).some(key => key.startsWith('$')))
      throw this.#refusal(
        place,
        value,
        'it is stored as JSON, of which only null can be told; give what is counted by a column of its own',
      );
    const parts = entries.map(([operator, operand]) => this.#compare(property, operator, operand, place, negated));
    this.#refuseContradiction(parts, value, place, negated);
    return all(parts, negated);
  }

  /** Returns why a property is another column in rows of other types; undefined where it is the same one. */
  #otherColumn(property: EntityProperty): string | undefined {
    const column = otherColumn(this.counted, property, this.em.getMetadata());
    return column === undefined
      ? undefined
      : `the property has the column ${column} in another entity ${hasTypeTables(this.counted) ? 'of the same root' : `of the table ${this.counted.tableName}`}; give both the same column, or one of them another name`;
  }

  #compare(property: EntityProperty, operator: string, operand: unknown, place: string, negated: boolean): Node {
    const at = operator === '$eq' || operator === '$in' ? place : `${place}.${operator}`;
    if (!Object.hasOwn(OPERATORS, operator))
      throw this.#refusal(at, operand, `of the operators on properties there are ${Object.keys(OPERATORS).join(', ')}`);
    const meant = OPERATORS[operator as keyof typeof OPERATORS];
    const isList = operator === '$in' || operator === '$nin';
    if (isList && (!Array.isArray(operand) || operand.length === 0))
      throw this.#refusal(at, operand, 'give a list of one or more values');
    const given: unknown[] = isList ? (operand as unknown[]) : [operand];
    const values = given.filter(value => value !== null);
    const isEquality = meant === 'in' || meant === 'notIn';
    if (values.length < given.length) {
      if (!isEquality) throw this.#refusal(at, operand, 'null has no order');
      if (!property.nullable) throw this.#refusal(at, operand, 'the property is never null; leave it out');
    }
    // A list with null means: one of the values, or null.
    return all(
      [
        ...(values.length > 0 ? [this.#comparison(property, meant, values, at, negated)] : []),
        ...(values.length < given.length ? [this.#nullTest(property, (meant === 'in') !== negated)] : []),
      ],
      (meant === 'in') !== negated,
    );
  }

  #comparison(
    property: EntityProperty,
    operator: Operator,
    values: readonly unknown[],
    place: string,
    negated: boolean,
  ): Comparison {
    const kind = kindOf(property, {
      conditions: dialectOf(this.em).conditions,
      platform: this.em.getPlatform(),
    });
    if (typeof kind === 'string') throw this.#refusal(place, values[0], `the property ${kind}`);
    for (const value of values) {
      const problem = kind.problem(value);
      if (problem) throw this.#refusal(place, value, `${problem}; give ${kind.takes}`);
    }
    if (kind.unordered && operator !== 'in' && operator !== 'notIn')
      throw this.#refusal(place, values[0], `${kind.unordered}; list the values`);
    return {
      type: 'comparison',
      ...testOf(property),
      kind,
      operator: negated ? NEGATED[operator] : operator,
      values,
      operands: values.map(value => kind.normal(value)!),
    };
  }

  #nullTest(property: EntityProperty, isNullWanted: boolean): NullTest {
    const { customType } = property;
    return {
      type: isNullWanted ? 'null' : 'notNull',
      ...testOf(property),
      json: isJson(property),
      readAsText: !this.em.getPlatform().convertsJsonAutomatically(),
      ownType: customType !== undefined && !(Object.values(types) as unknown[]).includes(customType.constructor),
    };
  }

  /** Refuses bounds between which there is no value. */
  #refuseContradiction(parts: readonly Node[], value: unknown, place: string, negated: boolean): void {
    const bounds = parts.filter(
      (part): part is Comparison => part.type === 'comparison' && part.operator !== 'in' && part.operator !== 'notIn',
    );
    const operator = (bound: Comparison): Operator => (negated ? NEGATED[bound.operator] : bound.operator);
    const lower = bounds.filter(bound => operator(bound).startsWith('>'));
    const upper = bounds.filter(bound => operator(bound).startsWith('<'));
    for (const low of lower) {
      for (const high of upper) {
        const order = low.kind.compare(low.operands[0]!, high.operands[0]!);
        const isInclusive = operator(low) === '>=' && operator(high) === '<=';
        if (order > 0 || (order === 0 && !isInclusive))
          throw this.#refusal(place, value, 'no value is between the bounds');
      }
    }
  }

  #refusal(place: string, value: unknown, problem: string): CounterError {
    const { counted, by, into } = this.counter;
    return new CounterError(
      'COUNTER_DECLARATION',
      `The condition of the counter ${counted.name}.${by} → ${into} has "${place}": ${shown(value)}, which is refused: ${problem}.`,
    );
  }
}

/** Returns a node for all of some parts; where it is negated, for any of them. */
function all(parts: readonly Node[], negated: boolean): Node {
  return parts.length === 1 ? parts[0]! : { type: negated ? 'any' : 'all', parts };
}

/** Returns what a test of a property has in common with others. */
export function testOf(property: EntityProperty): PropertyTest {
  return { property: property.name, columns: property.fieldNames, defaulted: isDefaulted(property) };
}

/** Returns why a property cannot decide what is counted; undefined where it can. */
export function problemOf(property: EntityProperty): string | undefined {
  if ([ReferenceKind.ONE_TO_MANY, ReferenceKind.MANY_TO_MANY].includes(property.kind) || property.mappedBy)
    return 'the property is a collection or belongs to the other side, so that it has no column';
  if (property.polymorphic || uniqueKeyOf(property) !== undefined || referenceProblem(property) !== undefined)
    return 'the relation does not refer to the primary key of one entity';
  if (property.persist === false || property.formula || property.generated || !property.fieldNames?.length)
    return 'the property has no column that the application writes';
  if (property.object && property.embedded) return 'the property is a part of JSON; give it a column of its own';
  if (property.version) return 'the property is a version, which MikroORM changes by itself';
  return /\bon\s+update\b/i.test(property.extra ?? '') ? 'the database changes the column by itself' : undefined;
}

/**
 * Returns true for a value that only the database knows: a default in SQL, or a key that it generates. MikroORM itself
 * assigns a plain default.
 */
function isDefaulted(property: EntityProperty): boolean {
  if (property.primary) return true;
  return (
    ![undefined, 'null'].includes(property.defaultRaw) && (property.default === undefined || isRaw(property.default))
  );
}

function isJson({ customType }: EntityProperty): boolean {
  return customType instanceof JsonType;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return inspect(value, { depth: 2, breakLength: Infinity, compact: true }).slice(0, 200);
}
