/** The operations that clients send again and again, each read, measured and compiled once. */
import { BREAK, Kind, visit, type DocumentNode, type GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { compiledQuery } from './compiled-query.js';
import { readDocument } from './documents.js';
import { KnownOperation, type KnownOperationRules } from './known-operation.js';

/** The most texts that are remembered, and their most characters in total; the least recently used is dropped first. */
const MAX_TEXTS = 1000;
const MAX_TOTAL_CHARACTERS = 4_000_000;

/** The longest text of a known operation, in characters, and its most nodes: compiling takes time for each of them. */
const MAX_OPERATION_CHARACTERS = 16_384;
const MAX_NODES = 1000;

/** When operations become known. */
export interface KnownOperationPace {
  /** How often a text is sent before it is compiled. */
  readonly usesBefore: number;
  /**
   * The most texts that are compiled in a second: it takes time for which no client is charged, and the operations of an
   * application are few.
   */
  readonly mostPerSecond: number;
}

/** The pace of a server: most clients send a few operations again and again. */
export const usualPace: KnownOperationPace = { usesBefore: 2, mostPerSecond: 5 };

/** What is known about a text: how often it was sent, or its operation; `never`: it is not one that can be known. */
type Remembered = number | KnownOperation | 'never';

/** The known operations of a server, by their texts: documents with a single query or mutation, without a question for the schema. */
export class KnownOperations {
  readonly #byText = new LRUCache<string, Remembered>({
    max: MAX_TEXTS,
    maxSize: MAX_TOTAL_CHARACTERS,
    sizeCalculation: (_, text) => Math.max(1, text.length),
  });
  #second = -Infinity;
  #readInSecond = 0;

  constructor(
    private readonly rules: KnownOperationRules,
    private readonly pace: KnownOperationPace,
  ) {}

  get schema(): GraphQLSchema {
    return this.rules.schema;
  }

  /** Returns the operation of a text; null: it is not known yet, or cannot be. */
  find(text: string): KnownOperation | null {
    const found = this.#byText.get(text) ?? 0;
    if (typeof found === 'object') return found;
    if (found === 'never') return null;
    const made = this.#usedAgain(text, found);
    this.#byText.set(text, made);
    return typeof made === 'object' ? made : null;
  }

  #usedAgain(text: string, uses: number): Remembered {
    if (uses < this.pace.usesBefore) return uses + 1;
    return this.#mayRead() ? (this.#read(text) ?? 'never') : uses;
  }

  #mayRead(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) [this.#second, this.#readInSecond] = [second, 0];
    return (this.#readInSecond += 1) <= this.pace.mostPerSecond;
  }

  #read(text: string): KnownOperation | null {
    if (text.length > MAX_OPERATION_CHARACTERS) return null;
    const read = readDocument(text, this.rules);
    if (Array.isArray(read) || read.shape.nodes > MAX_NODES) return null;
    const [operation, ...others] = read.document.definitions.filter(one => one.kind === Kind.OPERATION_DEFINITION);
    if (!operation || others.length > 0 || asksForSchema(read.document)) return null;
    if (operation.operation === 'mutation') return new KnownOperation(text, read.document, operation, null, this.rules);
    if (operation.operation !== 'query') return null;
    const own = readDocument(text, this.rules);
    const compiled = Array.isArray(own) ? null : compiledQuery(this.rules.schema, own.document);
    return compiled && new KnownOperation(text, read.document, operation, compiled, this.rules);
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
