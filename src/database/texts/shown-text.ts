/**
 * What people and logs may see of a text from the configuration: never a URL or connection text with a password,
 * whatever the variable and the format.
 */
import { isIP } from 'node:net';
import { withoutPassword } from './database-url.js';
import { HIDDEN, SECRET_FOLLOWS } from './shown-path.js';

/** The longest text that is shown, in characters; random secrets and tokens are longer than words. */
const MAX_SHOWN_LENGTH = 200;
const MAX_WORD_LENGTH = 32;

/** A pattern for a word or a number. */
const WORD = /^[\w.+*-]*$/;
/** A pattern for a part of a cron expression, or for a replacement of a whole one: its name, or a moment. */
const CRON_PART = /^(?:[\d*/?#-]|[a-z]{1,3}(?![a-z]))+$/i;
const CRON_MOMENT = /^(?:@[a-z]{1,10}|\d{4}-\d\d-\d\d[T\d:.Z-]*)$/;
/**
 * A pattern for a host and a port, two numbers with a slash between them, and a name with a slash and digits, such as a
 * range of addresses.
 */
const PLACE = /^(?:[\w.-]*:\d{0,5}|[\w.:-]*\/\d{0,7}|\d{1,12}\/\w{0,12})$/;
/**
 * Returns a value in the form in which a message quotes it: without the password if it looks like a URL, and not at all
 * if it may be a connection text.
 */
export function shownValue(value: string): string {
  if (value.length > MAX_SHOWN_LENGTH) return HIDDEN;
  // The user too, because it may be a token.
  if (value.includes('://')) return withoutPassword(value).replace(/\/\/[^/]*@/, '//***@');
  if (SECRET_FOLLOWS.test(value)) return HIDDEN;
  // Words with spaces between them may be those of a command, including a password.
  const isShown =
    value.split(/,\s*/).every(isPlain) ||
    CRON_MOMENT.test(value) ||
    value.split(/[\s,]+/).every(part => CRON_PART.test(part) || isIP(part) || PLACE.test(part));
  return isShown ? value : HIDDEN;
}

function isPlain(part: string): boolean {
  if (isIP(part.replace(/^\[(.*)\](?::\d{1,7})?$/, '$1'))) return true;
  return part.length <= MAX_WORD_LENGTH && (WORD.test(part) || PLACE.test(part));
}

/**
 * Returns the URL of a running server in the form in which a message quotes it: what follows a "?" or "#" may be a
 * secret.
 */
export function shownUrl(url: string): string {
  const [place] = url.split(/[?#]/, 1) as [string];
  return `${withoutPassword(place)}${place === url ? '' : '?…'}`;
}

/** Returns true for the name or address of a machine. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || /^(?=.{1,253}$)[a-z\d_](?:[\w-]{0,62})(?:\.[\w-]{1,63})*\.?$/i.test(text);
}
