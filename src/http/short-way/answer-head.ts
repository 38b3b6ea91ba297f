import type { IncomingMessage } from 'node:http';
import etag from 'etag';
import fresh from 'fresh';
import Negotiator from 'negotiator';
import { LRUCache } from 'lru-cache';

/** The most Accept headers whose media type is remembered. */
const MAX_ACCEPTS = 100;

/** The media type for each; `other` stands for none of ours. */
const mediaTypes = new LRUCache<string, string>({ max: MAX_ACCEPTS });
const OTHER = 'other';

/** A pattern for media types that are not for data in one piece: pages, parts, and callbacks. */
const OTHER_TYPES = /html|multipart|callback/i;

/**
 * Returns the Content-Type of an answer to a request with this Accept header, as Apollo Server chooses it; null: the
 * header accepts something else too, or none of its types.
 */
export function contentTypeFor(accept: string | undefined): string | null {
  if (accept === undefined || accept === '') return 'application/json; charset=utf-8';
  const known = mediaTypes.get(accept);
  if (known !== undefined) return known === OTHER ? null : known;
  const type = OTHER_TYPES.test(accept)
    ? null
    : new Negotiator({ headers: { accept } }).mediaType([
        'application/json; charset=utf-8',
        'application/graphql-response+json; charset=utf-8',
      ]);
  mediaTypes.set(accept, type ?? OTHER);
  return type ?? null;
}

/** Returns the tag of an answer, and whether the client has the same one already. */
export function tagOf({ headers }: IncomingMessage, text: string): { readonly tag: string; readonly isKnown: boolean } {
  const tag = etag(text, { weak: true });
  return { tag, isKnown: fresh({ 'if-none-match': headers['if-none-match'] }, { etag: tag }) };
}
