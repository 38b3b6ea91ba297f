/**
 * The queries that clients send again and again, each read, measured and compiled once. Only documents with a single
 * query are among them, without a question for the schema.
 */
import {
  astFromValue,
  execute,
  GraphQLID,
  GraphQLString,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  Kind,
  typeFromAST,
  valueFromASTUntyped,
  visit,
  BREAK,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import type { Viewer } from '../../access/viewer.js';
import { assessOperation, type Assessment, type QueryLimits } from '../costs/query-limits.js';
import type { Context } from '../context.js';
import { selectedProperties, type SelectedProperties } from '../lists/selected-properties.js';
import { compiledQuery, type RunQuery } from './compiled-query.js';
import { readDocument, type DocumentRules } from './documents.js';
import type { Variables } from './variables.js';

/** The rules of known queries. */
export interface KnownQueryRules extends DocumentRules, QueryLimits {}

/** The most texts that are remembered, and their most characters in total; the least recently used is dropped first. */
const MAX_TEXTS = 1000;
const MAX_CHARACTERS = 4_000_000;

/** The longest text of a known query, in characters, and its most nodes: compiling takes time for each of them. */
const MAX_TEXT_LENGTH = 16_384;
const MAX_NODES = 1000;

/** The most assessments of a query, for different values of its variables, that are remembered. */
const MAX_ASSESSMENTS = 50;
/** The longest values for which an assessment is remembered, in characters. */
const MAX_KEY_LENGTH = 500;

/** When queries become known. */
export interface KnownQueryPace {
  /** How often a text is sent before it is compiled. */
  readonly usesBefore: number;
  /**
   * The most texts that are compiled in a second: it takes time for which no client is charged, and the queries of an
   * application are few.
   */
  readonly mostPerSecond: number;
}

/** The pace of a server: most clients send a few queries again and again. */
export const usualPace: KnownQueryPace = { usesBefore: 2, mostPerSecond: 5 };

/** What is known about a text: how often it was sent, or the query that it is; null: it is not one that can be known. */
type Remembered = number | KnownQuery | null;

/** The known queries of a server, by their texts. */
export class KnownQueries {
  readonly #byText = new Map<string, Remembered>();
  #characters = 0;
  #second = -Infinity;
  #readInSecond = 0;

  constructor(
    private readonly rules: KnownQueryRules,
    private readonly pace: KnownQueryPace,
  ) {}

  get schema(): GraphQLSchema {
    return this.rules.schema;
  }

  /** Returns the query of a text; null: it is not known yet, or cannot be. */
  find(text: string): KnownQuery | null {
    const found = this.#byText.get(text);
    const made = typeof found === 'object' ? found : this.#usedAgain(text, found ?? 0);
    this.#remember(text, made, found === undefined);
    return made instanceof KnownQuery ? made : null;
  }

  #usedAgain(text: string, uses: number): Remembered {
    if (uses < this.pace.usesBefore) return uses + 1;
    return this.#mayRead() ? this.#read(text) : uses;
  }

  #mayRead(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) [this.#second, this.#readInSecond] = [second, 0];
    return (this.#readInSecond += 1) <= this.pace.mostPerSecond;
  }

  #read(text: string): KnownQuery | null {
    if (text.length > MAX_TEXT_LENGTH) return null;
    const read = readDocument(text, this.rules);
    if (Array.isArray(read) || read.shape.nodes > MAX_NODES) return null;
    const [operation, ...others] = read.document.definitions.filter(one => one.kind === Kind.OPERATION_DEFINITION);
    if (operation?.operation !== 'query' || others.length > 0 || asksForSchema(read.document)) return null;
    const own = readDocument(text, this.rules);
    const run = Array.isArray(own) ? null : compiledQuery(this.rules.schema, own.document);
    return run && new KnownQuery(text, read.document, operation, run, this.rules);
  }

  #remember(text: string, made: Remembered, isNew: boolean): void {
    // The latest stands last.
    this.#byText.delete(text);
    this.#byText.set(text, made);
    if (!isNew) return;
    this.#characters += text.length;
    while (this.#byText.size > MAX_TEXTS || this.#characters > MAX_CHARACTERS) {
      const [oldest] = this.#byText.keys();
      this.#byText.delete(oldest!);
      this.#characters -= oldest!.length;
    }
  }
}

/** One known query. */
export class KnownQuery {
  readonly selected: SelectedProperties;
  readonly #plainVariables: readonly string[];
  readonly #otherVariables: readonly string[];
  readonly #required: ReadonlySet<string>;
  readonly #assessments = new Map<string, { readonly sizes: object; readonly assessment: Assessment }>();

  constructor(
    readonly text: string,
    readonly document: DocumentNode,
    readonly operation: OperationDefinitionNode,
    readonly run: RunQuery,
    private readonly rules: KnownQueryRules,
  ) {
    this.selected = selectedProperties(document, rules.schema);
    const required = new Set<string>();
    const plain: string[] = [];
    const others: string[] = [];
    for (const { variable, type: node } of operation.variableDefinitions ?? []) {
      const type = typeFromAST(rules.schema, node);
      const name = variable.name.value;
      if (!isInputType(type)) continue;
      if (isNonNullType(type)) required.add(name);
      const bare: unknown = isNonNullType(type) ? type.ofType : type;
      (bare === GraphQLString || bare === GraphQLID ? plain : others).push(name);
    }
    this.#plainVariables = plain;
    this.#otherVariables = others;
    this.#required = required;
  }

  /**
   * Returns the assessment of the query with its variables; null: it may not run, for reasons that are explained
   * elsewhere. Texts and ids do not change what a query costs, so it is remembered for all their values.
   */
  assess(variables: Variables | null | undefined, viewer: Viewer | null): Assessment | null {
    const key = this.#keyOf(variables ?? {}, viewer);
    const sizes = this.rules.sizes.current;
    const known = key === null ? undefined : this.#assessments.get(key);
    if (known?.sizes === sizes) return this.#withTexts(known.assessment, variables ?? {});
    const { schema, hidesSchema } = this.rules;
    const { document, operation } = this;
    const assessment = assessOperation(
      { schema, document, operation, variables: variables ?? null, hidesSchema, viewer },
      this.rules,
    );
    if (assessment.refusal) return null;
    this.#addDefaults(assessment.variables);
    if (key !== null) {
      this.#assessments.delete(key);
      this.#assessments.set(key, { sizes, assessment });
      if (this.#assessments.size > MAX_ASSESSMENTS) this.#assessments.delete(this.#assessments.keys().next().value!);
    }
    return assessment;
  }

  /** Returns what of the variables and the viewer an assessment depends on; null: it is not remembered. */
  #keyOf(variables: Variables, viewer: Viewer | null): string | null {
    let key: string = viewer?.role ?? 'anonymous';
    for (const name of this.#plainVariables) {
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (typeof value === 'string') key += ' text';
      else if (this.#required.has(name) || (value !== null && value !== undefined)) return null;
      else key += value === null ? ' null' : ' none';
    }
    for (const name of this.#otherVariables) {
      const text = Object.hasOwn(variables, name) ? JSON.stringify(variables[name]) : 'none';
      key += ` ${text}`;
      if (key.length > MAX_KEY_LENGTH) return null;
    }
    return key;
  }

  /** Adds the defaults of input fields, which the compiled query would miss, to variables as they were sent. */
  #addDefaults(variables: Variables): void {
    const { schema } = this.rules;
    for (const { variable, type: node } of this.operation.variableDefinitions ?? []) {
      const type = typeFromAST(schema, node);
      if (isInputType(type)) addDefaults(variables[variable.name.value], type);
    }
  }

  /** Runs the query by graphql itself. */
  runAgain(context: Context, variables: Variables): ExecutionResult | Promise<ExecutionResult> {
    const { schema } = this.rules;
    return execute({ schema, document: this.document, contextValue: context, variableValues: variables });
  }

  #withTexts(assessment: Assessment, given: Variables): Assessment {
    if (this.#plainVariables.length === 0) return assessment;
    const variables = Object.assign(Object.create(null) as Record<string, unknown>, assessment.variables);
    for (const name of this.#plainVariables) if (Object.hasOwn(given, name)) variables[name] = given[name];
    return { ...assessment, variables };
  }
}

function addDefaults(value: unknown, type: GraphQLInputType): void {
  if (isNonNullType(type)) return addDefaults(value, type.ofType);
  if (typeof value !== 'object' || value === null) return;
  if (isListType(type)) return [value].flat().forEach(one => addDefaults(one, type.ofType));
  if (!isInputObjectType(type)) return;
  const parts = value as Record<string, unknown>;
  for (const field of Object.values(type.getFields())) {
    if (parts[field.name] !== undefined) addDefaults(parts[field.name], field.type);
    else if (field.defaultValue !== undefined) {
      const literal = astFromValue(field.defaultValue, field.type);
      if (literal) parts[field.name] = valueFromASTUntyped(literal);
    }
  }
}

function asksForSchema(document: DocumentNode): boolean {
  let asks = false;
  visit(document, {
    Field({ name: { value } }) {
      if (value !== '__schema' && value !== '__type') return undefined;
      asks = true;
      return BREAK;
    },
  });
  return asks;
}
