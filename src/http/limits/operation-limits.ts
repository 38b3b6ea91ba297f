import {
  HeaderMap,
  type ApolloServerPlugin,
  type GraphQLRequest,
  type GraphQLRequestContext,
  type GraphQLRequestListener,
} from '@apollo/server';
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache';
import { GraphQLError, Kind, type DocumentNode, type GraphQLFormattedError } from 'graphql';
import type { Context } from '../../graphql/context.js';
import { readDocument, type DocumentRules, type ReadDocument } from '../../graphql/documents/documents.js';
import type { SentDocument, TrustedDocuments } from '../../graphql/documents/trusted-documents.js';
import { assessOperation, type QueryLimits } from '../../graphql/costs/query-limits.js';
import { rateLimited } from './rates/bill.js';
import { mistakePoints, operationPoints } from './rates/prices.js';
import type { CurrentRequest } from '../observability/request-record.js';

/**
 * Limits the memory for documents that were read before, in bytes, as near as can be said; those that were used longest
 * ago go first.
 */
const MAX_READ_DOCUMENTS_BYTES = 33_554_432;
/** The memory of a node of a document, in bytes, with its tokens; measured at 265 to 377. */
const NODE_BYTES = 400;

/** What operations are held to, at every endpoint. */
export interface OperationRules extends DocumentRules, QueryLimits {
  /** The documents that may run; null: any. */
  readonly trusted: TrustedDocuments | null;
}

/**
 * Stands for the document of a request that is refused: Apollo, which takes it for one that was read, finds no
 * operation to run.
 */
const NOTHING: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };

/** Stands for the text of such a request. */
const UNTRUSTED = '#';

/**
 * Gives the Apollo plugin that reads documents and refuses, with status 400, an operation beyond the limits before
 * anything of it runs, and charges its cost to whoever asks, or refuses it with 429. Apollo parses and validates only
 * what has no document yet, and it does so without our limits.
 */
export function operationLimits(
  rules: OperationRules,
  current: CurrentRequest,
  format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError,
): ApolloServerPlugin<Context> {
  const documents = new InMemoryLRUCache<ReadDocument>({
    maxSize: MAX_READ_DOCUMENTS_BYTES,
    sizeCalculation: ({ document, shape }) => shape.nodes * NODE_BYTES + 2 * (document.loc?.source.body.length ?? 0),
  });
  const refused = new WeakMap<object, readonly GraphQLError[]>();
  const trusted = new WeakMap<object, ReadDocument | GraphQLError>();
  const refuse = async (request: GraphQLRequestContext<Context>, errors: readonly GraphQLError[]): Promise<void> => {
    refused.set(request, errors);
    // Reading it is done by now: it is charged, whatever that leaves.
    await current()?.bill?.settle(mistakePoints(request.source ?? ''));
    // Else Apollo keeps the text, to be asked for by its hash.
    if (request.metrics) request.metrics.persistedQueryRegister = false;
  };
  const listener: GraphQLRequestListener<Context> = {
    async didResolveSource(request) {
      const chosen = trusted.get(request.request);
      let read: ReadDocument | GraphQLError[] | undefined =
        chosen instanceof GraphQLError ? [chosen] : (chosen ?? (await documents.get(request.queryHash)));
      if (!read) {
        read = readDocument(request.source, rules);
        if (!Array.isArray(read)) await documents.set(request.queryHash, read);
      }
      if (Array.isArray(read)) await refuse(request, read);
      Object.assign(request, { document: Array.isArray(read) ? NOTHING : read.document });
    },
    async didResolveOperation(request) {
      const {
        schema,
        document,
        operation,
        source,
        request: sent,
        contextValue: { viewer },
      } = request;
      // Apollo comes here without one too, and refuses the request afterwards.
      if (!operation || refused.has(request)) return;
      const { cost, refusals, variables, unusedBy } = assessOperation(
        { schema, document, operation, variables: sent.variables, hidesSchema: rules.hidesSchema, viewer },
        rules,
      );
      if (refusals.length > 0) return refuse(request, refusals);
      sent.variables = variables;
      const unpaid = await current()?.bill?.charge(operationPoints(source, cost), unusedBy);
      if (unpaid)
        throw rateLimited(unpaid, { status: 429, headers: new Map([['retry-after', String(unpaid.retryAfter)]]) });
    },
    responseForOperation(request) {
      const errors = refused.get(request)?.map(error => format(error.toJSON(), error));
      if (!errors) return Promise.resolve(null);
      return Promise.resolve({
        http: { status: 400, headers: new HeaderMap() },
        body: { kind: 'single', singleResult: { errors } },
      });
    },
  };
  const listening = Promise.resolve(listener);
  return {
    requestDidStart({ request }) {
      if (rules.trusted) {
        const found = rules.trusted.find(sentDocument(request));
        trusted.set(request, found);
        // Of an untrusted one Apollo sees nothing; of the others it sees no id, which it would look up itself.
        request.query = found instanceof GraphQLError ? UNTRUSTED : found.text;
        request.extensions = { ...request.extensions, persistedQuery: undefined };
        return listening;
      }
      const { extensions } = request;
      const persisted = extensions?.['persistedQuery'] as { sha256Hash?: unknown } | null | undefined;
      // Apollo takes whatever is there for a text, and an object that cannot become one is an error of ours.
      if (typeof persisted === 'object' && persisted !== null && typeof persisted.sha256Hash !== 'string')
        persisted.sha256Hash = '';
      return listening;
    },
  };
}

/** Returns by what a request names its document, of which Apollo knows only the text and the extensions. */
function sentDocument({ query, extensions, http }: GraphQLRequest): SentDocument {
  const sent =
    http?.method === 'GET'
      ? Object.fromEntries(new URLSearchParams(http.search))
      : (http?.body as Omit<SentDocument, 'query' | 'extensions'>);
  return { documentId: sent.documentId, doc_id: sent.doc_id, id: sent.id, query, extensions };
}
