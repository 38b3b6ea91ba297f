import { onTestFinished } from 'vitest';
import { startApi, type Api, type ApiOptions } from './api.js';

export const POINTS = 1000;
export const RATE_LIMITS = { RATE_LIMIT: `${POINTS}/3600`, RATE_LIMIT_SIGNED_IN: `${POINTS}/3600`, TRUST_PROXY: '1' };
export const JSON_BODY = { 'content-type': 'application/json' };
export const SMALLEST_BODY = JSON.stringify({ query: '{ __typename }' });

let addresses = 0;
/** Returns an address that has sent no request before. */
export const newAddress = (): string => `2001:db8:0:${(addresses += 1).toString(16)}::1`;

export interface Options {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a request from an address: by default the smallest query by POST. */
export async function sendFrom(
  { url }: Api,
  address: string,
  {
    path = '/graphql',
    method = 'POST',
    headers = JSON_BODY,
    body = method === 'POST' ? SMALLEST_BODY : undefined,
  }: Options = {},
): Promise<Response> {
  return fetch(new URL(path, url), {
    method,
    headers: { ...headers, 'x-forwarded-for': address },
    ...(body !== undefined && { body }),
  });
}

/** Returns the remaining points in an answer. */
export const remainingPoints = (answer: Response): number =>
  Number(/;r=(\d+);t=\d+$/.exec(answer.headers.get('ratelimit') ?? '')?.[1]);

/** Returns the cost of a request. */
export async function costOf(api: Api, options: Options = {}): Promise<number> {
  return POINTS - remainingPoints(await sendFrom(api, newAddress(), options));
}

/** Uses up the points of an address. */
export async function exhaust(api: Api, address: string): Promise<void> {
  for (let status = 0; status !== 429;) ({ status } = await sendFrom(api, address));
}

export async function codesOf(answer: Response): Promise<string[]> {
  const { errors = [] } = (await answer.json()) as { errors?: { extensions: { code: string } }[] };
  return errors.map(({ extensions }) => extensions.code);
}

export async function start(options: ApiOptions = {}): Promise<Api> {
  const api = await startApi('sqlite', { ...options, env: { ...RATE_LIMITS, ...options.env } });
  onTestFinished(() => api.stop());
  return api;
}
