import { keyIn, KEYS_ARE, type Key } from '../entities/index.js';
import { quotedText } from '../use-cases/quoted-text.js';
import { badUserInput } from './errors/errors.js';

/** Returns the key that an id names. Errors: BAD_USER_INPUT if it names none. */
export function idOf(value: string, argument: string): Key {
  const key = keyIn(value);
  if (key !== null) return key;
  throw badUserInput(argument, `${quotedText(value)} is not an id; ids are ${KEYS_ARE}.`);
}

/** Returns the key that an optional id names. */
export function optionalIdOf(value: string | null | undefined, argument: string): Key | null | undefined {
  return value == null ? value : idOf(value, argument);
}

/** Returns the keys that an optional list of ids names; an error names a bad one by its index. */
export function idsOf(values: readonly string[] | null | undefined, argument: string): Key[] | null | undefined {
  return values?.map((value, index) => idOf(value, `${argument}.${index}`));
}
