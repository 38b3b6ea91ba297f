import { DAY_MS } from '../day.js';
import type { RequiredEntityData } from '@mikro-orm/core';
import type { Role, User } from '../../entities/index.js';
import type { Random } from './random.js';
import { familyNames, givenNames } from './vocabulary.js';

/** Returns users of one role with believable names; their numbers, from `firstNumber` on, make the emails unique. */
export function sampleUsers(
  random: Random,
  role: Role,
  count: number,
  firstNumber: number,
  until: Date,
): RequiredEntityData<User>[] {
  return Array.from({ length: count }, (_, index) => {
    const [given, family] = [random.pick(givenNames), random.pick(familyNames)];
    const createdAt = new Date(until.getTime() - (1100 + random.below(300)) * DAY_MS);
    return {
      name: `${given} ${family}`,
      email: sampleEmail(given, family, firstNumber + index),
      role,
      createdAt,
      updatedAt: createdAt,
    };
  });
}

/** Returns an address of a domain that is reserved for examples (RFC 2606), so that no mail reaches anyone. */
function sampleEmail(given: string, family: string, number: number): string {
  const plain = `${given}.${family}`
    .normalize('NFD')
    .replace(/[^\w.]/g, '')
    .toLowerCase();
  return `${plain}.${number}@example.org`;
}
