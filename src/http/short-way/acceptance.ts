import type { IncomingMessage } from 'node:http';
import { trace } from '@opentelemetry/api';
import { LRUCache } from 'lru-cache';
import type { Viewer } from '../../access/viewer.js';
import type { Assessment } from '../../graphql/costs/query-limits.js';
import type { KnownOperation } from '../../graphql/documents/known-operation.js';
import type { KnownOperations } from '../../graphql/documents/known-operations.js';
import { storedBy } from '../answers/cache-policy.js';
import { repeatedHeader } from '../answers/header-mistakes.js';
import type { RequestsInFlight } from '../drain.js';
import type { LoadShedding } from '../limits/load-shedding.js';
import { tokenIn } from '../viewers/bearer.js';
import { contentTypeFor } from './answer-head.js';
import { encodingFor, type Encoding } from './compression.js';
import { isUsual, operationInBody, operationInUrl, type SentOperation } from './sent-operation.js';

/** The path of GraphQL requests. */
export const GRAPHQL_PATH = '/graphql';

/** The most Host headers that are remembered as valid. */
const MAX_HOSTS = 100;

/** The parts of a server on which it depends whether a request may go the short way. */
export interface AcceptanceParts {
  readonly operations: KnownOperations;
  /** Returns the text of a persisted query that a client has asked for by its hash before; undefined: ask Apollo. */
  readonly textOf: (hash: string) => string | undefined;
  readonly inFlight: Pick<RequestsInFlight, 'isClosing'>;
  readonly load: Pick<LoadShedding, 'isOverloaded'>;
  readonly knownViewer: (token: string) => Viewer | undefined;
  /** Whether pages of other origins may read answers, which depends on the Origin header. */
  readonly hasCors: boolean;
  /** Whether a proxy is known, so that X-Forwarded-For is no surprise. */
  readonly trustsProxy: boolean;
}

/** What is known about a request before anything is done for it. */
export interface Accepted {
  readonly operation: KnownOperation;
  readonly viewer: Viewer | null;
  readonly assessment: Assessment;
  readonly contentType: string;
  /** The value of Cache-Control if there is no error. */
  readonly cacheControl: string;
  /** The encoding of a large answer. */
  readonly encoding: Encoding | null;
}

/** The decision which requests are answered the short way. */
export class Acceptance {
  readonly #hosts = new LRUCache<string, true>({ max: MAX_HOSTS });

  constructor(private readonly parts: AcceptanceParts) {}

  /** Returns true if a request may go the short way, as far as its method, its address and its headers say. */
  mayTake(request: IncomingMessage): boolean {
    const { method, url = '', headers } = request;
    if (method === 'POST' ? url !== GRAPHQL_PATH : method !== 'GET' || !url.startsWith(`${GRAPHQL_PATH}?`))
      return false;
    const { hasCors, trustsProxy, inFlight, load } = this.parts;
    if (!isUsual(request) || (hasCors && headers.origin !== undefined)) return false;
    if (headers['x-forwarded-for'] !== undefined && !trustsProxy) return false;
    return !inFlight.isClosing && !load.isOverloaded() && !isTraced() && this.#isValidHost(headers.host);
  }

  /** Returns what is known about a request that has arrived completely; null: it is left to the long way, unchanged. */
  accept(request: IncomingMessage): Accepted | null {
    const { method, url = '', headers } = request;
    if (repeatedHeader(request) !== undefined) return null;
    const viewer = this.#viewerOf(headers.authorization);
    const contentType = contentTypeFor(headers.accept);
    const encoding = encodingFor(headers['accept-encoding']);
    if (viewer === undefined || contentType === null || encoding === undefined) return null;
    if (method === 'GET') {
      if (headers['content-length'] !== undefined) return null;
      return this.#acceptOperation(
        operationInUrl(url.slice(GRAPHQL_PATH.length + 1)),
        viewer,
        { contentType, encoding },
        request,
      );
    }
    const body = request.read() as Buffer | null;
    if (!body) return null;
    const accepted = this.#acceptOperation(operationInBody(body), viewer, { contentType, encoding }, request);
    // As if nobody had read it.
    if (!accepted) request.unshift(body);
    return accepted;
  }

  #acceptOperation(
    sent: SentOperation | null,
    viewer: Viewer | null,
    form: Pick<Accepted, 'contentType' | 'encoding'>,
    { method, headers }: IncomingMessage,
  ): Accepted | null {
    if (!sent) return null;
    const text = sent.hash === null ? sent.text : this.parts.textOf(sent.hash);
    // Whether a text and a hash belong together is for Apollo to find out.
    if (text == null || (sent.hash !== null && sent.text !== null)) return null;
    const operation = this.parts.operations.find(text);
    if (!operation) return null;
    if (sent.operationName !== null && sent.operationName !== operation.node.name?.value) return null;
    // Links must not change anything, which the long way says.
    if (method === 'GET' && operation.isMutation) return null;
    const assessment = operation.assess(sent.variables, viewer);
    if (!assessment) return null;
    const cacheControl =
      method === 'GET' ? storedBy(headers.authorization === undefined && assessment.isPublic()) : 'no-store';
    return { ...form, operation, viewer, assessment, cacheControl };
  }

  #viewerOf(authorization: string | undefined): Viewer | null | undefined {
    if (authorization === undefined) return null;
    try {
      const token = tokenIn(authorization);
      return token === null ? null : this.parts.knownViewer(token);
    } catch {
      return undefined;
    }
  }

  #isValidHost(host: string | undefined): boolean {
    if (host === undefined || host === '') return false;
    if (this.#hosts.get(host)) return true;
    if (!URL.canParse(`http://${host}/`)) return false;
    this.#hosts.set(host, true);
    return true;
  }
}

/** Returns true if this process is traced, so that each request has a span. */
function isTraced(): boolean {
  const provider = trace.getTracerProvider() as {
    readonly getDelegateTracer?: (name: string) => unknown;
  };
  return provider.getDelegateTracer?.('rollcall') !== undefined;
}
