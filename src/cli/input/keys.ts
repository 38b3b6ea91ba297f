import type { Database } from '../../database/database.js';
import { keyFormOf } from '../../database/mapped/key-forms.js';
import { keyIn, keysAre, type Key } from '../../entities/index.js';
import type { MapPart } from '../../map/map-form.js';
import { CommandError } from '../failures/command-error.js';

/** Returns the key that the id of an option names in a database. Errors: CommandError. */
export function keyNamed(database: Database, part: MapPart, option: string, id: string): Key {
  const form = keyFormOf(database, part);
  const key = keyIn(id, form);
  if (key !== null) return key;
  throw new CommandError(`${option} ${id} names no row: ids of ${part} are ${keysAre(form)} in this database.`);
}
