/** What a line gives to the functions of the shell. */
import type { Database } from '../../database/database.js';
import { keyFormOf } from '../../database/mapped/key-forms.js';
import { isKey, keyIn, keysAre, type Key } from '../../entities/index.js';
import type { MapPart } from '../../map/map-form.js';
import { CommandError } from '../failures/command-error.js';

/** An entity, or its id. */
export type Given = Key | { readonly id: Key };

/** Returns an input that has only these fields. Errors: CommandError. */
export function onlyFields<Input extends object>(input: Input, fields: readonly string[]): Input {
  if (typeof input !== 'object' || input === null) throw new CommandError(`Give an object with ${fields.join(', ')}.`);
  const strange = Object.keys(input).filter(name => !fields.includes(name));
  if (strange.length > 0) throw new CommandError(`There is no ${strange.join(', ')}. Give ${fields.join(', ')}.`);
  return { ...input };
}

/** A row of each part, in words. */
const rowOf: Readonly<Record<MapPart, string>> = { users: 'a user', courses: 'a course', enrollments: 'an enrollment' };

/** Returns an id, given by itself or by an entity. Errors: CommandError. */
export function givenId(database: Database, part: MapPart, given: unknown): Key {
  const form = keyFormOf(database, part);
  const isEntity = typeof given === 'object' && given !== null;
  const id: unknown = isEntity ? (given as { readonly id?: unknown }).id : given;
  const key = typeof id === 'string' && !isEntity ? (form === 'number' ? null : keyIn(id, form)) : id;
  if (isKey(key, form)) return key;
  const ids = form === 'number' ? '' : ` Ids are ${keysAre(form)}.`;
  throw new CommandError(`Give ${rowOf[part]} by its id or as an entity, and not ${shown(given)}.${ids}`);
}

function shown(given: unknown): string {
  return typeof given === 'string' ? JSON.stringify(given) : String(given);
}

/** Returns a value of an enum, in any letter case. Errors: CommandError. */
export function givenChoice<Value extends string>(values: Readonly<Record<string, Value>>, given: string): Value {
  const found = Object.values(values).find(value => value === String(given).toLowerCase());
  if (found !== undefined) return found;
  throw new CommandError(`Give one of ${Object.values(values).join(', ')}, and not ${shown(given)}.`);
}
