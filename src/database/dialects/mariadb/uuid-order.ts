import type { UuidOrder } from '../dialect.js';

const PARTS = /^(.{8})-(.{4})-(.{4})-(.{4})-(.{12})$/;
/** A UUID of one of the versions 1 to 5, and of a variant that all of these have; for the server also most of a version 0. */
const IS_SWAPPED = /^.{14}(?!00)[0-5].{3}-[89a-f]/;

/** Returns the digits of a UUID beginning with the last group, so that times of version 1 are in order within a machine. */
const swapped: UuidOrder = uuid => uuid.replace(PARTS, '$5$4$3$2$1');

/**
 * The orders of MariaDB's type UUID: since 10.11.5 (11.0.3, 11.1.2), only these versions are swapped, and others compared
 * as they are written; before, all were swapped.
 */
export const uuidOrders: readonly UuidOrder[] = [
  uuid => (IS_SWAPPED.test(uuid) ? swapped(uuid) : uuid.replaceAll('-', '')),
  swapped,
];
