/**
 * Every code that `errors` can have. The formatter of errors lets only these codes out (see errors.ts). A test compares
 * docs/errors.md with this list and provokes each code.
 */
import type { AccessError } from '../../access/access.js';
import type { TooManyRows } from '../../reading/index.js';
import type { SubscriptionRefused } from '../../live-counts/index.js';
import type { TransactionErrorCode } from '../../transactions/transaction-error.js';

/** One code: when it comes, its message and what to do. */
export interface CatalogueEntry {
  /** When it comes, as a sentence. */
  readonly meaning: string;
  /** The forms of the message; "…" stands for what differs. */
  readonly message: readonly string[];
  /**
   * The HTTP statuses that come with it in answers of the type application/graphql-response+json; messages of
   * subscriptions have none.
   */
  readonly status: readonly number[];
  /** What the caller can do, as a sentence. */
  readonly remedy: string;
}

/** The codes of Apollo Server's own errors that this server can give. */
type ProtocolErrorCode =
  | 'BAD_REQUEST'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'OPERATION_RESOLUTION_FAILURE'
  | 'PERSISTED_QUERY_NOT_FOUND';

/** The codes of requests that are rejected before GraphQL sees them. */
type RefusalCode =
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'HEADERS_TOO_LARGE'
  | 'SERVER_STOPPING'
  | 'RATE_LIMITED'
  | 'OVERLOADED';

/** The code of documents that the server is not allowed to run. */
type TrustCode = 'DOCUMENT_NOT_TRUSTED';

/** The codes of operations beyond the limits. */
type LimitCode =
  'QUERY_TOO_DEEP' | 'QUERY_TOO_COSTLY' | 'QUERY_TOO_LONG' | 'QUERY_TOO_MANY_ALIASES' | 'QUERY_TOO_MANY_DIRECTIVES';

/** The code of an error in `errors`: `extensions.code`. */
export type ErrorCode =
  | 'KEYS_UNAVAILABLE'
  | RefusalCode
  | TrustCode
  | LimitCode
  | ProtocolErrorCode
  | AccessError['code']
  | TransactionErrorCode
  | SubscriptionRefused['code']
  | TooManyRows['code']
  | 'READ_FAILED'
  | 'UNSAFE_NUMBER'
  | 'UNKNOWN_VALUE'
  | 'NOT_WRITABLE'
  | 'INTERNAL_SERVER_ERROR';

/** Each code of `errors`, which say that the whole request, or a field of it, could not be answered. */
export const errorCatalogue: Readonly<Record<ErrorCode, CatalogueEntry>> = {
  BAD_REQUEST: {
    meaning:
      'The HTTP request contains no GraphQL operation, or one that is not allowed by this method, at this address or with this content type; or the bytes are not HTTP.',
    message: ['…'],
    status: [200, 400, 405, 406, 412, 417],
    remedy:
      'Send POST with `content-type: application/json` and `{"query": "…"}`; queries by GET need the header `apollo-require-preflight: true`, and subscriptions go to `/graphql/stream` or by WebSocket.',
  },
  NOT_FOUND: {
    meaning:
      'The path does not exist; or a course that a subscription names does not exist, or the viewer may not see it.',
    message: ['There is nothing at …. …', 'Course … does not exist, or you may not see it. Leave it out.'],
    status: [404],
    remedy: 'Send operations to `/graphql`; leave out the course that `extensions.argument` points at.',
  },
  METHOD_NOT_ALLOWED: {
    meaning: 'The path does not support the method.',
    message: ['… does not accept …, only ….'],
    status: [405],
    remedy: 'Use a method that the header `Allow` names.',
  },
  REQUEST_TIMEOUT: {
    meaning:
      'The request did not arrive in time (408), or took longer than [`REQUEST_TIMEOUT`](http.md#deadlines). The request changed nothing (504); or an earlier field saved its change, and the field with the error changed nothing (200).',
    message: [
      'The request did not arrive in time: its headers within … s, all of it within … s. Send it again.',
      'The request took longer than … s (REQUEST_TIMEOUT), so the work was stopped. Nothing was changed. Ask for less at once, or try again later.',
      'The database stopped the work before it was done. Nothing was changed. Ask for less at once, or try again later.',
    ],
    status: [200, 408, 504],
    remedy: 'Request less at once, or send it again later; with 200, only the fields with errors.',
  },
  PAYLOAD_TOO_LARGE: {
    meaning: 'The body is too large.',
    message: ['A body may have … bytes (1 MiB)…. Send less at once: …'],
    status: [413],
    remedy: 'Send long lists in several requests, and files with the command `rollcall import`.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    meaning: 'The body is not JSON, according to its `content-type`.',
    message: ['The body …. Send JSON, with the header "Content-Type: application/json".'],
    status: [415],
    remedy: 'Send JSON, with `content-type: application/json`.',
  },
  HEADERS_TOO_LARGE: {
    meaning: 'The address and the headers are too large.',
    message: [
      'The address and the headers may have … bytes together. Send a long query by POST, or its hash as a persisted query.',
    ],
    status: [431],
    remedy: 'Send a long query by POST, or its hash as a persisted query.',
  },
  SERVER_STOPPING: {
    meaning: 'The server is stopping and accepts no more requests; nothing was done.',
    message: ['This server is stopping. Nothing was done; send the request again.'],
    status: [503],
    remedy: 'Send the request again, on a new connection: another server may answer, or this one is back soon.',
  },
  RATE_LIMITED: {
    meaning:
      'The viewer, or for anonymous viewers the address, has used up the points of [`RATE_LIMIT_SIGNED_IN` or `RATE_LIMIT`](http.md#limits-of-rates); nothing was run. By WebSocket, an operation gets it as its error, with `retryAfter`, and a connection is closed with 1013.',
    message: [
      'You have used up the … points for … s. Try again in … s; …',
      'Your address has used up the … points for … s. Try again in … s; …',
    ],
    status: [429],
    remedy:
      'Wait as many seconds as the header `Retry-After`, `extensions.retryAfter` and the message say, then send the same request again; request less at once.',
  },
  OVERLOADED: {
    meaning: 'The server has more work than it can do in time; nothing was run.',
    message: ['The server has more work than it can do in time. Nothing was done; try again in … s.'],
    status: [503],
    remedy: 'Send the same request again, after as many seconds as the header `Retry-After` says.',
  },
  GRAPHQL_PARSE_FAILED: {
    meaning: 'The operation is not GraphQL, or has more than 5000 tokens.',
    message: ['Syntax Error: …'],
    status: [400],
    remedy: 'Correct the operation at the place that `locations` names; send long lists as variables.',
  },
  GRAPHQL_VALIDATION_FAILED: {
    meaning: 'The operation does not match the schema.',
    message: ['…'],
    status: [400],
    remedy: 'Correct the operation; `schema/schema.graphql` describes every field and argument.',
  },
  OPERATION_RESOLUTION_FAILURE: {
    meaning:
      'The document has several operations and the request does not name one, or it has no operation of the given name.',
    message: ['Must provide operation name if query contains multiple operations.', 'Unknown operation named "…".'],
    status: [400],
    remedy: 'Send `operationName`.',
  },
  QUERY_TOO_DEEP: {
    meaning: 'The operation nests more fields than `MAX_DEPTH` allows; nothing was run.',
    message: [
      'The operation is … fields deep, and … are allowed. Ask for what is further down in an operation of its own, by its id.',
      'The operation has … selections, lists or objects within each other, and … are allowed. Ask for what is further down in an operation of its own, by its id.',
    ],
    status: [400],
    remedy: 'Request the deeper fields in an operation of their own.',
  },
  QUERY_TOO_COSTLY: {
    meaning: 'The operation can cost more than [`MAX_COST`](http.md#limits-of-operations) allows; nothing was run.',
    message: [
      'The operation can cost …, and … is allowed. The most of it, …, is for "…". …',
      'The operation selects more than … fields, those of fragments counted at each place. Ask for less at once.',
      'The operation has more than … values in its arguments, those of fragments counted at each place. Send lists as variables.',
      'The operation has … fields of one name …, and … are allowed. …',
      'The operation declares … variables, and … are allowed. Put several values into one list or object.',
      'The operation has too many fields of one name to compare. Ask for each once.',
    ],
    status: [400],
    remedy: 'Request smaller pages, or less at once.',
  },
  QUERY_TOO_LONG: {
    meaning: 'The text of the operation, or a name in it, is too long; nothing was run.',
    message: [
      'The operation has … characters, and … are allowed. Send long values as variables.',
      'A name in the operation has … characters, and … are allowed. Shorten it.',
    ],
    status: [400],
    remedy: 'Send long values as variables.',
  },
  QUERY_TOO_MANY_ALIASES: {
    meaning: 'The operation has more aliases than `MAX_ALIASES` allows; nothing was run.',
    message: [
      'The operation has … aliases, and … are allowed. Ask for many of one kind by a list with a filter, or in several requests.',
    ],
    status: [400],
    remedy:
      'Request many of one kind with a list and a filter, such as `courses(filter: { ids: … })`, or in several requests.',
  },
  QUERY_TOO_MANY_DIRECTIVES: {
    meaning:
      'The operation has more directives than `MAX_DIRECTIVES` allows, or more than 5 at one place; nothing was run.',
    message: [
      'The operation has … directives, and … are allowed. …',
      'The operation has … directives at one place, and … are allowed there. …',
    ],
    status: [400],
    remedy: 'Remove repeated directives; put `@skip` or `@include` on the field around several fields.',
  },
  PERSISTED_QUERY_NOT_FOUND: {
    meaning: 'The request contains only the hash of an operation, which this server has not seen.',
    message: ['PersistedQueryNotFound'],
    status: [200],
    remedy: 'Send the operation with its hash once; clients with automatic persisted queries do so by themselves.',
  },
  DOCUMENT_NOT_TRUSTED: {
    meaning:
      'The server runs only its `TRUSTED_DOCUMENTS`, and the request names none of them, by an id, by the hash of its text, or by its text; nothing of it was parsed.',
    message: [
      'This server runs only documents that it was given, and …. Send the id of one of them, or its exact text.',
    ],
    status: [400],
    remedy:
      'Add the document to the [folder of the server](clients.md#trusted-documents); send its id or its exact text.',
  },
  TOO_MANY_ROWS: {
    meaning:
      'To find the page of a list, or to count its rows, the database would have to read more rows than [`MAX_ROWS_READ`](http.md#limits-of-rows) allows. Earlier changes of the same request are saved.',
    message: [
      '…: more than … rows would be read to find this page (MAX_ROWS_READ). Add a condition that fewer rows meet, or choose another order.',
      'totalCount: more than … rows would be read to count them (MAX_ROWS_READ). Leave "totalCount" out, or add a condition that fewer rows meet.',
      'totalCount with …: more than … rows would be read to count them (MAX_ROWS_READ). Leave "totalCount" out, or add a condition that fewer rows meet.',
    ],
    status: [200],
    remedy:
      'Leave `totalCount` out, add a condition to the filter that `extensions.argument` names, or order by what it compares.',
  },
  BAD_USER_INPUT: {
    meaning:
      'An argument or a variable has a value that is never valid: a malformed id or cursor, an impossible page size or range. Nothing was done.',
    message: ['…: …', 'Variable "$…" …', 'The variables …'],
    status: [200, 400],
    remedy: 'Correct the argument at the path in `extensions.argument`, or the variable in the message.',
  },
  TOO_MANY_SUBSCRIPTIONS: {
    meaning:
      'The connection, the viewer, the address or the server has reached the limit of subscriptions, of courses in them, or of connections for them.',
    message: [
      '… would have … subscriptions, and … are allowed. End one, or name more courses in one.',
      '… would have … courses in subscriptions, and … are allowed. Name only the courses that you show.',
      '… would have … connections, and … are allowed. Close some, or use one WebSocket for several subscriptions.',
      '… would have … WebSockets without connection_init, and … are allowed. Close some, or try again later.',
    ],
    status: [429],
    remedy:
      'End subscriptions that are not needed, and name the courses that you show; [live-counts.md](live-counts.md#limits) has the limits.',
  },
  UNAUTHENTICATED: {
    meaning: 'The operation needs a signed-in viewer, or the token is not valid.',
    message: [
      'Sign in: …',
      'The token …',
      'The header must read "Authorization: Bearer <token>".',
      "The token's signature is not valid.",
      'A claim of the token has an invalid form.',
    ],
    status: [200, 401],
    remedy: 'Send a valid token as `Authorization: Bearer …`; the message says what is wrong with this one.',
  },
  KEYS_UNAVAILABLE: {
    meaning:
      'The token cannot be checked now, because the identity provider does not deliver its keys; nothing was done.',
    message: ['The identity provider does not return the keys that verify tokens now. Try again.'],
    status: [503],
    remedy: 'Send the same request again, a little later; the header `Retry-After` says when.',
  },
  FORBIDDEN: {
    meaning:
      'The viewer is signed in, but not allowed to do this; or a page of an origin that is not in `CORS_ORIGINS` opens a subscription.',
    message: [
      'Only admins may do this.',
      'Only teachers and admins may do this.',
      'Only the teacher of course … and admins may do this.',
      'Students can enroll only themselves: …',
      'Teachers can name only themselves as instructor; …',
      'Pages of … may not subscribe here. CORS_ORIGINS lists the origins whose pages may.',
    ],
    status: [200, 403],
    remedy: 'Ask somebody who is allowed to; add the origin of your pages to `CORS_ORIGINS`.',
  },
  RETRY_LATER: {
    meaning:
      'Other changes kept conflicting with this one, or the rows to be read stayed locked (for example by a change of the schema), or the server has more work for the database than it can send in time; nothing was changed.',
    message: [
      'Other changes to the same rows kept conflicting with this one. Nothing was changed; try again.',
      'Others kept locked what was to be read. Nothing was changed; try again.',
      'All connections of this server to the database were busy for too long. Nothing was changed; try again.',
    ],
    status: [200],
    remedy: 'Send the same request again.',
  },
  DATABASE_UNAVAILABLE: {
    meaning:
      'The database cannot be reached, accepts no changes or no more connections, or cannot be used for another reason, such as a missing privilege; nothing was changed.',
    message: [
      'The database cannot be reached. Nothing was changed; try again.',
      'The database accepts no changes now. Nothing was changed; try again later.',
      'The database accepts no more connections now. Nothing was changed; try again later.',
      'The database has run out of memory or something else that it needs. Nothing was changed; try again later.',
      'The database refuses the user of this server. Nothing was changed; an operator must look into it.',
      'The database does not allow this server to do that. Nothing was changed; an operator must look into it.',
      'The database cannot read or write its files. Nothing was changed; an operator must look into it.',
    ],
    status: [200, 503],
    remedy:
      'Send the same request again, a little later; if an operator must look into it, the log has the error of the database.',
  },
  DATABASE_FULL: {
    meaning:
      'The database has no room for changes, for example because its disk is full; nothing was changed. Work that needs no room, such as most reads, continues.',
    message: ['The database has no room for changes. Nothing was changed; try again later.'],
    status: [200],
    remedy: 'Send the same request again later; an operator must [make room](runbook.md#the-disk-is-full).',
  },
  READ_FAILED: {
    meaning:
      'The database cannot be reached or used for reading, the rows stayed locked, all connections stayed busy, or the database did not answer before the time of the request was over; earlier changes of the same request are saved.',
    message: [
      'The database cannot be reached for reading. What this request changed before, if anything, is saved; read it again.',
      'The database …. What this request changed before, if anything, is saved; read it again.',
      'Others kept locked what was to be read. What this request changed before, if anything, is saved; read it again.',
      'All connections of this server to the database were busy for too long. What this request changed before, if anything, is saved; read it again.',
      'The request took longer than … s (REQUEST_TIMEOUT), so the reading was stopped. What this request changed before, if anything, is saved; read it again.',
    ],
    status: [200],
    remedy: 'Read again, a little later; do not send the mutation again.',
  },
  COMMIT_UNKNOWN: {
    meaning:
      'The connection to the database broke during a commit, the commit failed, or it was not confirmed before the time of the request was over; it is unknown whether the change was saved.',
    message: [
      'The database … during a commit, and it is not known whether the change was saved. Check before you try again.',
      'The database did not confirm the commit within the … s that a request may take (REQUEST_TIMEOUT), so it is not known whether the change was saved. Check before you try again.',
    ],
    status: [200],
    remedy: 'Read the data that should have changed, then decide whether to send the mutation again.',
  },
  UNSAFE_NUMBER: {
    meaning:
      'The requested data contain a number beyond 2^53 − 1, which JSON cannot represent exactly; only another program can have written it. Earlier changes of the same request are saved.',
    message: [
      'The database holds a number beyond 9007199254740991, which cannot be read exactly. Its place is in the log under ….',
      'The database holds … in …, beyond 9007199254740991, the highest number that is read exactly. …',
    ],
    status: [200],
    remedy:
      'Report the id; the log has the number and its column, and `rollcall verify` names the course and the statement that corrects it.',
  },
  UNKNOWN_VALUE: {
    meaning:
      "A row of another application's database, which was [opened in place](moving.md), has a value that its map does not name. The field is null; all others are right.",
    message: [
      'The … of … … is … in the database of another application, and the map does not name it. An operator must add it to the map.',
      'Course … has enrollments with a status that the map does not name: …. An operator must add it to the map.',
    ],
    status: [200],
    remedy: 'Show the row without that field; an operator adds the value to the map.',
  },
  NOT_WRITABLE: {
    meaning:
      "The change cannot be stored in another application's database, which was [opened in place](moving.md): the map leaves the rows to that application, or has no value of theirs for one of ours, or a rule of its tables forbids the row: a column that cannot be empty, a shorter text, a unique key, a check, a trigger. Nothing was changed.",
    message: [
      'The rows of … belong to another application, by the map of this database. Change them there.',
      '… cannot become …: …',
      '… cannot be written: …',
      '… cannot be … and … at once: …',
      'The rows of … cannot be written all at once, …',
      'The database of the other application does not accept the row: …. Nothing was changed.',
    ],
    status: [200],
    remedy:
      'Change what the message names, make the change in the other application, or ask an operator to complete the map.',
  },
  INTERNAL_SERVER_ERROR: {
    meaning: 'A mistake of ours.',
    message: ['Something went wrong on our side. Its id in the log is ….'],
    status: [200, 500],
    remedy:
      'Report the id; the log has the whole error under this id, as `errorId` or, with status 500, as `requestId`.',
  },
};
