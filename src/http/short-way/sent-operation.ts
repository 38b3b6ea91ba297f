import type { IncomingMessage } from 'node:http';
import { isUtf8 } from 'node:buffer';
import { isNestedDeeper, MAX_BODY_NESTING } from '../answers/json-body.js';

/** A request for an operation, in the form that is answered the short way. */
export interface SentOperation {
  readonly text: string | null;
  /** The hash of the text, if the request names it as a persisted query does. */
  readonly hash: string | null;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>> | null;
}

const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/json; charset=utf-8']);

/** The members of a body, or the parameters of a URL, that are known here. */
const MEMBERS: ReadonlySet<string> = new Set(['query', 'variables', 'operationName', 'extensions']);

/**
 * The headers that change how a request is answered, in ways that are left to the long way; the headers of its content
 * are looked at in their places.
 */
const UNUSUAL_HEADERS = [
  'expect',
  'transfer-encoding',
  'content-encoding',
  'graphql-cost-debug',
  'x-no-compression',
  'upgrade',
] as const;

/** Returns true if the headers of a request say that it may be answered the short way. */
export function isUsual({ headers, httpVersion, method }: IncomingMessage): boolean {
  if (httpVersion !== '1.1') return false;
  for (const name of UNUSUAL_HEADERS) if (headers[name] !== undefined) return false;
  const type = headers['content-type'];
  if (method === 'POST') return type !== undefined && JSON_TYPES.has(type) && Number(headers['content-length']) > 0;
  // Otherwise the request could come from any page.
  return type === undefined
    ? !!headers['apollo-require-preflight'] || !!headers['x-apollo-operation-name']
    : JSON_TYPES.has(type);
}

/** Returns the operation in a body; null: it is left to the long way, which says what is wrong, if anything is. */
export function operationInBody(body: Buffer): SentOperation | null {
  if (!isUtf8(body)) return null;
  const text = body.toString();
  // Members that would change the prototype are rejected elsewhere, also if they are written with escapes.
  if (text.includes('__proto__') || text.includes('constructor') || text.includes('\\u')) return null;
  if (isNestedDeeper(text, MAX_BODY_NESTING)) return null;
  return sentOperation(parsed(text));
}

/** Returns the operation in a URL's parameters; null as above. */
export function operationInUrl(search: string): SentOperation | null {
  const given: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    if (Object.hasOwn(given, name)) return null;
    given[name] = name === 'variables' || name === 'extensions' ? parsed(value) : value;
    if (given[name] === undefined) return null;
  }
  return sentOperation(given);
}

function sentOperation(given: unknown): SentOperation | null {
  if (!isObject(given)) return null;
  for (const name of Object.keys(given)) if (!MEMBERS.has(name)) return null;
  const { query = null, variables = null, operationName = null, extensions = null } = given;
  if ((query !== null && typeof query !== 'string') || query === '') return null;
  if (operationName !== null && typeof operationName !== 'string') return null;
  if (variables !== null && !isObject(variables)) return null;
  const hash = extensions === null ? null : hashIn(extensions);
  if (hash === undefined || (query === null) === (hash === null)) return null;
  return { text: query, hash, operationName, variables };
}

/** Returns the hash of a persisted query; undefined if there is anything else. */
function hashIn(extensions: unknown): string | undefined {
  if (!isObject(extensions)) return undefined;
  const { persistedQuery, ...others } = extensions;
  if (Object.keys(others).length > 0 || !isObject(persistedQuery)) return undefined;
  const { version, sha256Hash } = persistedQuery;
  return version === 1 && typeof sha256Hash === 'string' ? sha256Hash : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
