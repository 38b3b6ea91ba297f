import { quotedText } from '../use-cases/quoted-text.js';
import { badUserInput } from './errors/errors.js';

/** Returns the number of an id. Errors: BAD_USER_INPUT unless it is a whole number from 1 to 2^53 − 1. */
export function idOf(value: string, argument: string): number {
  const id = Number(value);
  if (/^[1-9]\d*$/.test(value) && Number.isSafeInteger(id)) return id;
  throw badUserInput(
    argument,
    `${quotedText(value)} is not an id; ids are whole numbers from 1 to ${Number.MAX_SAFE_INTEGER}.`,
  );
}

/** Returns the number of an optional id. */
export function optionalIdOf(value: string | null | undefined, argument: string): number | null | undefined {
  return value == null ? value : idOf(value, argument);
}

/** Returns the numbers of an optional list of ids; an error names a bad one by its index. */
export function idsOf(values: readonly string[] | null | undefined, argument: string): number[] | null | undefined {
  return values?.map((value, index) => idOf(value, `${argument}.${index}`));
}
