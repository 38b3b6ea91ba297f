import Negotiator from 'negotiator';

const JSON_TYPE = 'application/json';
const GRAPHQL_TYPE = 'application/graphql-response+json';

/** Is how GraphQL over HTTP names an answer: the second says that the status means something too. */
export type ResponseType = typeof JSON_TYPE | typeof GRAPHQL_TYPE;

/**
 * Gives the media type of an answer for what the request's header Accept says, chosen as Apollo chooses it;
 * application/json where it names neither.
 */
export function responseTypeOf(accept: string | undefined): ResponseType {
  if (!accept) return JSON_TYPE;
  return (
    (new Negotiator({ headers: { accept } }).mediaType([JSON_TYPE, GRAPHQL_TYPE]) as ResponseType | undefined) ??
    JSON_TYPE
  );
}
