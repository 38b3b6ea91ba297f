import { expect } from 'vitest';
import type { Api } from '../../support/api.js';
import type { KeptLog } from '../../support/log-lines.js';

/** A server in production mode, with its log. */
export interface Audited {
  readonly api: Api;
  readonly log: KeptLog;
}

/** One check of an auditor, and what this server does. */
export interface SecurityCheck {
  readonly auditor: 'graphql-cop' | 'graphql-armor' | 'OWASP';
  /** The name that the auditor gives it. */
  readonly check: string;
  /** The outcome, with the number, as in docs/security-checks.md. */
  readonly outcome: string;
  /** Sends what the auditor sends, and asserts the outcome. */
  readonly run: (audited: Audited) => Promise<void>;
}

/** Returns a text of this many parts, each made of its number. */
export const times = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');
const JSON_BODY = { 'content-type': 'application/json' };

/** Returns the answer to a request, in the media type that auditors read. */
export async function posted(
  { api }: Audited,
  body: unknown,
  headers: Record<string, string> = JSON_BODY,
): Promise<{
  status: number;
  text: string;
  data: any;
  errors: { message: string; extensions: Record<string, unknown> }[];
}> {
  const response = await fetch(api.url, {
    method: 'POST',
    headers,
    body: typeof body === 'string' || body instanceof URLSearchParams ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const { data, errors = [] } = JSON.parse(text) as { data?: object; errors?: [] };
  return { status: response.status, text, data, errors };
}

/** Sends an operation, and asserts that it is rejected with one error, before any statement. */
export async function refused(
  audited: Audited,
  query: string,
  code: string,
  message: string | RegExp,
  variables: object = {},
): Promise<void> {
  let answer!: Awaited<ReturnType<typeof posted>>;
  const statements = await audited.api.statements(async () => (answer = await posted(audited, { query, variables })));
  expect([answer.data, answer.errors.length, answer.errors[0]?.extensions]).toEqual([undefined, 1, { code }]);
  if (typeof message === 'string') expect(answer.errors[0]!.message).toBe(message);
  else expect(answer.errors[0]!.message).toMatch(message);
  expect(statements).toEqual([]);
}

/** Sends an operation by GET. */
export const byGet = ({ api }: Audited, query: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${api.url}?${new URLSearchParams({ query })}`, { headers });
