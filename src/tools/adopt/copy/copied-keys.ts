import type { MapPart } from '../../../map/map-form.js';
import { textOf, type TheirRow } from '../../../map/sources.js';
import { numberKeyIn } from './our-values.js';

/** How the keys of another application's rows become ours. */
export interface CopiedKeys {
  /** Returns our key for that which a column of a row has; null if it is empty. Errors: RejectedValue. */
  readonly keyIn: (part: MapPart, column: string, row: TheirRow) => number | null;
  /** Returns one of our keys as the other application knows it. */
  readonly shown: (part: MapPart, id: number) => string;
  /** Returns the key of a row in words, also if it is not one that can be copied. */
  readonly textIn: (part: MapPart, column: string, row: TheirRow) => string | null;
  /** Returns whether a row with one of our keys was read before in this copy, and remembers that it was read. */
  readonly wasRead: (part: MapPart, id: number) => boolean;
  /** Keeps what was decided for the rows that were read, before they are written. */
  readonly keep: () => Promise<void>;
}

/** Keys that are whole numbers, and are copied as they are. */
export const numberKeys: CopiedKeys = {
  keyIn: (_, column, row) => numberKeyIn(column, row),
  shown: (_, id) => String(id),
  textIn: (_, column, row) => textOf(row[column]),
  // The database has these keys once.
  wasRead: () => false,
  keep: () => Promise.resolve(),
};
