import Negotiator from 'negotiator';

const JSON_TYPE = 'application/json';
const GRAPHQL_TYPE = 'application/graphql-response+json';

/** The media types of answers in GraphQL over HTTP; with the second, the status code has a meaning too. */
export type ResponseType = typeof JSON_TYPE | typeof GRAPHQL_TYPE;

/**
 * Returns the media type of an answer from the request's Accept header, chosen as Apollo chooses it; application/json
 * if the header accepts neither.
 */
export function responseTypeOf(accept: string | undefined): ResponseType {
  if (!accept) return JSON_TYPE;
  return (
    (new Negotiator({ headers: { accept } }).mediaType([JSON_TYPE, GRAPHQL_TYPE]) as ResponseType | undefined) ??
    JSON_TYPE
  );
}
