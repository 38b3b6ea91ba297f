import { isIP } from 'node:net';
import { compile } from '@fastify/proxy-addr';
import { Cron } from 'croner';
import { z } from 'zod';
import { databaseUrlForms, dialectOfUrl, fileOf, withoutPassword } from '../database/texts/database-url.js';
import { isHost, shownValue } from '../database/texts/shown-text.js';

/** Where metrics are served: with the API, not at all, or at a place of their own. */
export type MetricsPlace = 'on' | 'off' | { readonly host: string; readonly port: number };

/**
 * The proxies whose X-Forwarded-* headers are trusted: none, all, a number of them counted from this server, or those
 * with certain addresses.
 */
export type TrustProxy = boolean | number | readonly string[];

/** The most proxies that may stand in front of the server. */
const MAX_HOPS = 99;

/** The names that @fastify/proxy-addr knows for ranges of addresses. */
const ADDRESS_RANGES = ['loopback', 'linklocal', 'uniquelocal'];

/** An amount of work for each client, in points, within a number of seconds. */
export interface Allowance {
  readonly points: number;
  readonly seconds: number;
}

/** The longest time for which points are given, in seconds: a day. */
const MAX_RATE_SECONDS = 86_400;

/**
 * How cron expressions are read: in UTC, so that servers in several zones mean the same moments, and with seconds
 * before the minutes where there are six fields.
 */
export const CRON_OPTIONS = { timezone: 'UTC', mode: '5-or-6-parts' } as const;

/** Returns a form that accepts only some words. */
export function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  return z.enum(values, withHint(`Give one of ${values.join(', ')}.`));
}

/** Returns the message for a mistake in a value: the value and a hint. */
export function withHint(hint: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => `is "${shownValue(String(input))}". ${hint}` };
}

/** Returns a form that accepts whole numbers within bounds, of a unit; `note` says what a bound means. */
export function wholeNumberFrom(least: number, most: number, unit: string, note = '') {
  const mistake = withHint(`Give a whole number of ${unit}, from ${least} to ${most}${note && `; ${note}`}.`);
  // Number() accepts more than digits: signs, exponents, hexadecimal.
  return z
    .string()
    .regex(/^\d+$/, mistake)
    .transform(Number)
    .refine(number => number >= least && number <= most, mistake);
}

/**
 * Returns the mistake in the address of a database, without its password; null if there is none. `password` says whether
 * the password belongs into it, for the advice.
 */
export function mistakeInDatabaseUrl(url: string, password: 'within' | 'elsewhere' = 'within'): string | null {
  const given = (form: string): string => (password === 'within' ? form : form.replaceAll(':PASSWORD', ''));
  try {
    const dialect = dialectOfUrl(url);
    if (dialect.isFile)
      return fileOf(dialect, url) === ''
        ? `names no file. Give one, such as ${dialect.kind}:data/rollcall.${dialect.kind}.`
        : null;
  } catch {
    return `is "${withoutPassword(url)}". Give ${given(databaseUrlForms())}${password === 'within' ? '; write other characters of the password than letters and digits with %, such as %40 for @' : ''}.`;
  }
  const { hostname, pathname } = URL.parse(url) ?? {};
  if (!isDecodable(url))
    return `is "${withoutPassword(url)}", in which a % does not begin the code of a character. Write % itself as %25.`;
  // A "@" in the path belongs to a password that contains a "/".
  if (hostname && pathname && pathname !== '/' && !pathname.includes('@')) return null;
  return `is "${withoutPassword(url)}", which does not name a host and a database. Give ${given(`${url.slice(0, url.indexOf(':'))}://USER:PASSWORD@HOST/DATABASE`)}.`;
}

/** Returns the mistake in a cron expression; null if there is none. */
export function mistakeInSchedule(pattern: string): string | null {
  const hint =
    'Give minute, hour, day of month, month and day of week, in UTC, such as "17 3 * * *" for each night at 3:17.';
  try {
    const cron = new Cron(pattern, { ...CRON_OPTIONS, paused: true });
    if (cron.getOnce()) return `is "${shownValue(pattern)}", which is a single moment, not a schedule. ${hint}`;
    return cron.nextRun() ? null : `is "${shownValue(pattern)}", which never occurs. ${hint}`;
  } catch (error) {
    // The library quotes parts of the pattern.
    const why = shownValue(pattern) === pattern ? ` (${(error as Error).message.replace(/^CronPattern: /, '')})` : '';
    return `is "${shownValue(pattern)}". ${hint}${why}`;
  }
}

/** Returns true for a URL of HTTP or HTTPS without a user or password. */
export function isHttpUrl(text: string): boolean {
  const { protocol = '', username, password } = URL.parse(text) ?? {};
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}

/** Returns true for the origin of pages, such as https://school.example, or * for all. */
export function isOrigin(text: string): boolean {
  return text === '*' || (isHttpUrl(text) && new URL(text).origin === text);
}

/**
 * Returns the place where metrics are served; a port alone is one of the loopback interface. Null if the text is no
 * such place.
 */
export function metricsPlaceOf(text: string): MetricsPlace | null {
  if (text === 'on' || text === 'off') return text;
  const [, host = 'localhost', digits] = /^(?:(\[[\da-f:.]+\]|[^\s:[\]]+):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  const name = host.replace(/^\[|\]$/g, '');
  return digits !== undefined && port <= 65_535 && isHost(name) ? { host: name, port } : null;
}

/**
 * Returns the trusted proxies: on, off, a number of hops, or addresses and ranges separated by commas. Null if the text
 * is none of these.
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
  // The library also accepts 1, 0x7f.1 and 010.0.0.1 as addresses.
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

/** Returns a form that accepts a rate of points; with `orOff` it may be off, which is null. */
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

/** Returns a form that accepts the longest allowed delay of the event loop, in milliseconds; off is Infinity. */
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

/** Returns true for the URL of a Redis, with or without the number of a database. */
export function isRedisUrl(text: string): boolean {
  const { protocol, hostname, pathname = '' } = URL.parse(text) ?? {};
  return (
    (protocol === 'redis:' || protocol === 'rediss:') &&
    hostname !== '' &&
    /^(?:\/\d{0,5})?$/.test(pathname) &&
    isDecodable(text)
  );
}

/** Returns true for a text in which each % begins the code of a byte. */
function isDecodable(text: string): boolean {
  try {
    return typeof decodeURIComponent(text) === 'string';
  } catch {
    return false;
  }
}
