import {
  astFromValue,
  execute,
  GraphQLID,
  GraphQLString,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  typeFromAST,
  valueFromASTUntyped,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLInputType,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Viewer } from '../../access/viewer.js';
import { assessOperation, type Assessment, type QueryLimits } from '../costs/query-limits.js';
import type { Context } from '../context.js';
import { selectedProperties, type SelectedProperties } from '../lists/selected-properties.js';
import type { RunQuery } from './compiled-query.js';
import type { DocumentRules } from './documents.js';
import type { Variables } from './variables.js';

/** The rules of known operations. */
export interface KnownOperationRules extends DocumentRules, QueryLimits {}

/** The most assessments of an operation, for different values of its variables, that are remembered. */
const MAX_ASSESSMENTS = 50;
/** The longest values for which an assessment is remembered, in characters. */
const MAX_KEY_LENGTH = 500;

/** The result of an operation, and the context in which it came about. */
export interface OperationOutcome {
  readonly context: Context;
  readonly result: ExecutionResult;
}

/** One operation that clients send again and again. */
export class KnownOperation {
  readonly #selected: SelectedProperties;
  readonly #plainVariables: readonly string[];
  readonly #otherVariables: readonly string[];
  readonly #required: ReadonlySet<string>;
  readonly #assessments = new LRUCache<string, { readonly sizes: object; readonly assessment: Assessment }>({
    max: MAX_ASSESSMENTS,
  });

  constructor(
    readonly text: string,
    readonly document: DocumentNode,
    readonly node: OperationDefinitionNode,
    /** The query as it was compiled; null: a mutation, which changes more than compiling it would save. */
    private readonly compiled: RunQuery | null,
    private readonly rules: KnownOperationRules,
  ) {
    this.#selected = selectedProperties(document, rules.schema);
    const required = new Set<string>();
    const plain: string[] = [];
    const others: string[] = [];
    for (const { variable, type: typeNode } of node.variableDefinitions ?? []) {
      const type = typeFromAST(rules.schema, typeNode);
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

  get isMutation(): boolean {
    return this.compiled === null;
  }

  /**
   * Returns the assessment of the operation with its variables; null: it may not run, for reasons that are explained
   * elsewhere. Texts and ids do not change what an operation costs, so it is remembered for all their values.
   */
  assess(variables: Variables | null | undefined, viewer: Viewer | null): Assessment | null {
    const key = this.#keyOf(variables ?? {}, viewer);
    const sizes = this.rules.sizes.current;
    const known = key === null ? undefined : this.#assessments.get(key);
    if (known?.sizes === sizes) return this.#withTexts(known.assessment, variables ?? {});
    const { schema, hidesSchema } = this.rules;
    const { document, node: operation } = this;
    const assessment = assessOperation(
      { schema, document, operation, variables: variables ?? null, hidesSchema, viewer },
      this.rules,
    );
    if (assessment.refusal) return null;
    this.#addDefaults(assessment.variables);
    if (key !== null) this.#assessments.set(key, { sizes, assessment });
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
    for (const { variable, type: typeNode } of this.node.variableDefinitions ?? []) {
      const type = typeFromAST(schema, typeNode);
      if (isInputType(type)) addDefaults(variables[variable.name.value], type);
    }
  }

  /**
   * Runs the operation, in a context that only this run uses. A compiled query with several errors, of which graphql
   * would leave some out, runs again by graphql itself, in another context; a mutation never runs twice.
   */
  async run(newContext: () => Context, variables: Variables): Promise<OperationOutcome> {
    const context = this.#select(newContext());
    if (!this.compiled) return { context, result: await this.#execute(context, variables) };
    const running = this.compiled(context, variables);
    const result = running instanceof Promise ? await running : running;
    const { errors } = result;
    // An error without a path is one of the variables, which are valid.
    if (!errors || (errors.length === 1 && errors[0]!.path)) return { context, result };
    const again = this.#select(newContext());
    return { context: again, result: await this.#execute(again, variables) };
  }

  #select(context: Context): Context {
    context.select(this.#selected);
    return context;
  }

  #execute(context: Context, variables: Variables): ExecutionResult | Promise<ExecutionResult> {
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
