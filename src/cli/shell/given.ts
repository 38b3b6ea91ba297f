/** What a line gives to the functions of the shell. */
import { isKey, type Key } from '../../entities/index.js';
import { CommandError } from '../failures/command-error.js';

/** An entity, or its id. */
export type Given = Key | { readonly id: Key };

/** Returns an input that has only these fields. Errors: CommandError. */
export function fieldsOf<Input extends object>(input: Input, fields: readonly string[]): Input {
  if (typeof input !== 'object' || input === null) throw new CommandError(`Give an object with ${fields.join(', ')}.`);
  const strange = Object.keys(input).filter(name => !fields.includes(name));
  if (strange.length > 0) throw new CommandError(`There is no ${strange.join(', ')}. Give ${fields.join(', ')}.`);
  return { ...input };
}

/** Returns an id, given by itself or by an entity. Errors: CommandError. */
export function idOf(what: string, given: unknown): Key {
  const id: unknown = typeof given === 'object' && given !== null ? (given as { readonly id?: unknown }).id : given;
  if (isKey(id)) return id;
  throw new CommandError(`Give ${what} by its id or as an entity, and not ${shown(given)}.`);
}

function shown(given: unknown): string {
  return typeof given === 'string' ? JSON.stringify(given) : String(given);
}

/** Returns a value of an enum, in any letter case. Errors: CommandError. */
export function oneOf<Value extends string>(values: Readonly<Record<string, Value>>, given: string): Value {
  const found = Object.values(values).find(value => value === String(given).toLowerCase());
  if (found !== undefined) return found;
  throw new CommandError(`Give one of ${Object.values(values).join(', ')}, and not ${shown(given)}.`);
}
