/** The numbers of digits between the hyphens of a UUID. */
const GROUPS = [8, 4, 4, 4, 12];

/** The length of a UUID that a database has in bytes. */
export const UUID_BYTES = 16;

const HEX_DIGIT = '[0-9a-f]';

/** Returns a regular expression of the UUIDs in small letters, with hyphens or without. */
export function uuidPattern(hasHyphens: boolean): string {
  return GROUPS.map(digits => `${HEX_DIGIT}{${digits}}`).join(hasHyphens ? '-' : '');
}

/** Returns the same as a pattern of GLOB. */
export function uuidGlob(hasHyphens: boolean): string {
  return GROUPS.map(digits => HEX_DIGIT.repeat(digits)).join(hasHyphens ? '-' : '');
}
