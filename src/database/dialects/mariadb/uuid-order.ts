/** A UUID of one of the versions 1 to 5, and of the variant that all of these have. */
const SWAPPED = /^(.{8})-(.{4})-([1-5].{3})-([89a-f].{3})-(.{12})$/;

/**
 * Returns a text by which UUIDs have the order of MariaDB's type UUID: it compares the digits of these versions beginning
 * with the last group, so that times of version 1 are in order within a machine, and the others as they are written.
 */
export function uuidInOrder(uuid: string): string {
  const [, first, second, third, fourth, fifth] = SWAPPED.exec(uuid) ?? [];
  return first === undefined ? uuid.replaceAll('-', '') : `${fifth}${fourth}${third}${second}${first}`;
}
