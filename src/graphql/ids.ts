import type { Database } from '../database/database.js';
import { keyFormOf } from '../database/mapped/key-forms.js';
import { keyIn, keysAre, numberIn, type Key } from '../entities/index.js';
import type { MapPart } from '../map/map-form.js';
import { quotedText } from '../use-cases/quoted-text.js';
import { badUserInput } from './errors/errors.js';

/** Returns the key that an id of a user, a course or an enrollment names. Errors: BAD_USER_INPUT if it names none. */
export function idOf(database: Database, part: MapPart, value: string, argument: string): Key {
  const form = keyFormOf(database, part);
  const key = keyIn(value, form);
  if (key !== null) return key;
  throw badUserInput(argument, `${quotedText(value)} is not an id; ids are ${keysAre(form)}.`);
}

/** Returns the key that an optional id names. */
export function optionalIdOf(
  database: Database,
  part: MapPart,
  value: string | null | undefined,
  argument: string,
): Key | null | undefined {
  return value == null ? value : idOf(database, part, value, argument);
}

/** Returns the keys that an optional list of ids names; an error names a bad one by its index. */
export function idsOf(
  database: Database,
  part: MapPart,
  values: readonly string[] | null | undefined,
  argument: string,
): Key[] | null | undefined {
  return values?.map((value, index) => idOf(database, part, value, `${argument}.${index}`));
}

/** Returns the number of a run that an id names. Errors: BAD_USER_INPUT if it names none. */
export function runIdOf(value: string, argument: string): number {
  const id = numberIn(value);
  if (id !== null) return id;
  throw badUserInput(argument, `${quotedText(value)} is not an id; ids are ${keysAre('number')}.`);
}
