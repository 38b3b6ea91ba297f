import { isIP } from 'node:net';
import { compile } from '@fastify/proxy-addr';
import { Cron } from 'croner';
import { z } from 'zod';
import { DATABASE_URL_FORMS, dialectOfUrl, fileOf, withoutPassword } from '../database/texts/database-url.js';
import { isHost, shownValue } from '../database/texts/shown-text.js';

/** Where metrics are served: with the API, not at all, or at a place of their own. */
export type MetricsPlace = 'on' | 'off' | { readonly host: string; readonly port: number };

/**
 * The proxies whose X-Forwarded-* headers are believed: none, all, so many of them from this server on, or those with
 * certain addresses.
 */
export type TrustProxy = boolean | number | readonly string[];

/** The most proxies that may stand in front of the server. */
const MAX_HOPS = 99;

/** The names that @fastify/proxy-addr knows for ranges of addresses. */
const ADDRESS_RANGES = ['loopback', 'linklocal', 'uniquelocal'];

/** So many points of work for each client, in a time of so many seconds. */
export interface Allowance {
  readonly points: number;
  readonly seconds: number;
}

/** The most seconds for which points are given: a day. */
const MAX_RATE_SECONDS = 86_400;

/**
 * How cron expressions are read: in UTC, so that servers in several zones mean the same moments, and with seconds
 * before the minutes where there are six fields.
 */
export const CRON_OPTIONS = { timezone: 'UTC', mode: '5-or-6-parts' } as const;

/** Returns the form of a value that is one of some words. */
export function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  return z.enum(values, withHint(`Give one of ${values.join(', ')}.`));
}

/** Returns the message for a mistake in a value: the value and a hint. */
export function withHint(hint: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => `is "${shownValue(String(input))}". ${hint}` };
}

/** Returns the form of a whole number within bounds, of a unit; `note` says what a bound means. */
export function wholeNumberFrom(least: number, most: number, unit: string, note = '') {
  const mistake = withHint(`Give a whole number of ${unit}, from ${least} to ${most}${note && `; ${note}`}.`);
  // Number() reads more than digits: signs, exponents, hexadecimal.
  return z
    .string()
    .regex(/^\d+$/, mistake)
    .transform(Number)
    .refine(number => number >= least && number <= most, mistake);
}

/** Returns the mistake in the address of a database, without its password; null: there is none. */
export function mistakeInDatabaseUrl(url: string): string | null {
  try {
    const dialect = dialectOfUrl(url);
    if (dialect.isFile)
      return fileOf(dialect, url) === ''
        ? `names no file. Give one, such as ${dialect.kind}:data/rollcall.${dialect.kind}.`
        : null;
  } catch {
    return `is "${withoutPassword(url)}". Give ${DATABASE_URL_FORMS}; write other characters of the password than letters and digits with %, such as %40 for @.`;
  }
  const { hostname, pathname } = URL.parse(url) ?? {};
  if (!isDecodable(url))
    return `is "${withoutPassword(url)}", in which a % is not followed by two digits of a character. Write % itself as %25.`;
  // A "@" in the path is that of a password with a "/" in it.
  if (hostname && pathname && pathname !== '/' && !pathname.includes('@')) return null;
  return `is "${withoutPassword(url)}", which names no host and database. Give ${url.slice(0, url.indexOf(':'))}://USER:PASSWORD@HOST/DATABASE.`;
}

/** Returns the mistake in a cron expression; null: there is none. */
export function mistakeInSchedule(pattern: string): string | null {
  const hint =
    'Give minute, hour, day of month, month and day of week, in UTC, such as "17 3 * * *" for each night at 3:17.';
  try {
    const cron = new Cron(pattern, { ...CRON_OPTIONS, paused: true });
    if (cron.getOnce()) return `is "${shownValue(pattern)}", which is one moment and no schedule. ${hint}`;
    return cron.nextRun() ? null : `is "${shownValue(pattern)}", which never comes. ${hint}`;
  } catch (error) {
    // The library quotes parts of the pattern.
    const why = shownValue(pattern) === pattern ? ` (${(error as Error).message.replace(/^CronPattern: /, '')})` : '';
    return `is "${shownValue(pattern)}". ${hint}${why}`;
  }
}

/** Returns true for the address of something that HTTP leads to, without a user or password. */
export function isHttpUrl(text: string): boolean {
  const { protocol = '', username, password } = URL.parse(text) ?? {};
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}

/** Returns true for the origin of pages, such as https://school.example, or * for all. */
export function isOrigin(text: string): boolean {
  return text === '*' || (isHttpUrl(text) && new URL(text).origin === text);
}

/** Returns the place where metrics are served; a port alone is one of the loopback. Null: the text is no such place. */
export function metricsPlaceOf(text: string): MetricsPlace | null {
  if (text === 'on' || text === 'off') return text;
  const [, host = 'localhost', digits] = /^(?:(\[[\da-f:.]+\]|[^\s:[\]]+):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  const name = host.replace(/^\[|\]$/g, '');
  return digits !== undefined && port <= 65_535 && isHost(name) ? { host: name, port } : null;
}

/**
 * Returns the proxies that are trusted: on, off, a number of hops, or addresses and ranges with commas between them.
 * Null: the text is none of these.
 */
export function trustProxyOf(text: string): TrustProxy | null {
  if (text === 'on' || text === 'off') return text === 'on';
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= MAX_HOPS ? Number(text) : null;
  const ranges = text.split(',').map(one => one.trim());
  return ranges.every(isAddressRange) ? ranges : null;
}

/** Returns true for an IP address, a range of them such as 10.0.0.0/8, or a name that stands for ranges. */
function isAddressRange(text: string): boolean {
  if (ADDRESS_RANGES.includes(text)) return true;
  // The library alone also takes 1, 0x7f.1 and 010.0.0.1 for addresses.
  if (!isIP(text.split('/', 1)[0]!)) return false;
  try {
    compile([text]);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** Returns a rate such as 500000/10: points, and the seconds for which they are given. Null: the text is no rate. */
function allowanceOf(text: string): Allowance | null {
  const [, points, seconds] = (/^(\d{1,9})\/(\d{1,5})$/.exec(text) ?? []).map(Number);
  return points && seconds && seconds <= MAX_RATE_SECONDS ? { points, seconds } : null;
}

/** Returns the form of a rate of points; with `orOff` it may be off, which is null. */
export function rateOf(orOff: boolean) {
  return z.string().transform((text, context) => {
    const allowance = allowanceOf(text);
    if (allowance === null && !(orOff && text === 'off'))
      context.addIssue(
        withHint(
          `Give points and the seconds for which they are given, such as 1000000/10${orOff ? ', or off' : ''}.`,
        ).error({ input: text }),
      );
    return allowance;
  });
}

/** Returns the form of the latest that the event loop may be, in milliseconds; off is Infinity. */
export function loopDelayForm() {
  return z.string().transform((text, context) => {
    if (text === 'off') return Infinity;
    const delay = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (delay === 0)
      context.addIssue(
        withHint('Give a whole number of milliseconds, from 1 to 99999, or off.').error({ input: text }),
      );
    return delay;
  });
}

/** Returns true for the address of a Redis, with or without the number of a database. */
export function isRedisUrl(text: string): boolean {
  const { protocol, hostname, pathname = '' } = URL.parse(text) ?? {};
  return (
    (protocol === 'redis:' || protocol === 'rediss:') &&
    hostname !== '' &&
    /^(?:\/\d{0,5})?$/.test(pathname) &&
    isDecodable(text)
  );
}

/** Returns true for a text in which each % stands for a byte of a character. */
function isDecodable(text: string): boolean {
  try {
    return typeof decodeURIComponent(text) === 'string';
  } catch {
    return false;
  }
}
