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
import { selectedProperties } from '../../graphql/lists/selected-properties.js';
import { rateLimited } from './rates/bill.js';
import { mistakePoints, operationPoints } from './rates/prices.js';
import type { CurrentRequest } from '../observability/request-record.js';

/**
 * The largest cache of documents that were read before, in bytes, estimated; the least recently used ones are removed
 * first.
 */
const MAX_READ_DOCUMENTS_BYTES = 33_554_432;
/** The memory of one node of a document and its tokens, in bytes; measured at 265 to 377. */
const NODE_BYTES = 400;

/** The rules for operations, at every endpoint. */
export interface OperationRules extends DocumentRules, QueryLimits {
  /** The only documents that may run; null if any document may. */
  readonly trusted: TrustedDocuments | null;
}

/** The document of a rejected request: Apollo treats it as already parsed, and finds no operation to run. */
const EMPTY_DOCUMENT: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };

/** The text of a document that is not trusted, as Apollo sees it. */
const UNTRUSTED_TEXT = '#';

/**
 * Returns the Apollo plugin that parses and validates documents within our limits, before Apollo would do so without
 * them. It rejects an operation beyond the limits with status 400 before any of it runs, and charges its cost to the
 * caller, or rejects it with 429.
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
    // It has been read by now, so that work is charged even if nothing is left to pay it.
    await current()?.bill?.settle(mistakePoints(request.source ?? ''));
    // Otherwise Apollo stores the text as a persisted query.
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
      Object.assign(request, { document: Array.isArray(read) ? EMPTY_DOCUMENT : read.document });
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
      // Apollo also calls this without an operation, and rejects the request afterwards.
      if (!operation || refused.has(request)) return;
      request.contextValue.select(selectedProperties(document, schema));
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
        const found = rules.trusted.find(documentSentToApollo(request));
        trusted.set(request, found);
        // Apollo sees nothing of an untrusted document, and no id of a trusted one, which it would look up itself.
        request.query = found instanceof GraphQLError ? UNTRUSTED_TEXT : found.text;
        request.extensions = { ...request.extensions, persistedQuery: undefined };
        return listening;
      }
      const { extensions } = request;
      const persisted = extensions?.['persistedQuery'] as { sha256Hash?: unknown } | null | undefined;
      // Apollo expects a string here, and with anything else it fails with an internal error.
      if (typeof persisted === 'object' && persisted !== null && typeof persisted.sha256Hash !== 'string')
        persisted.sha256Hash = '';
      return listening;
    },
  };
}

/** Returns all the ways in which a request names its document; Apollo knows only the text and the extensions. */
function documentSentToApollo({ query, extensions, http }: GraphQLRequest): SentDocument {
  const sent =
    http?.method === 'GET'
      ? Object.fromEntries(new URLSearchParams(http.search))
      : (http?.body as Omit<SentDocument, 'query' | 'extensions'>);
  return { documentId: sent.documentId, doc_id: sent.doc_id, id: sent.id, query, extensions };
}
