/**
 * Lists every code that `userErrors` can have. The enum UserErrorCode takes its descriptions from here, and a test
 * holds docs/errors.md to this list and asks for each code.
 */
import { UserErrorCode } from '../../use-cases/outcome.js';
import type { CatalogueEntry } from './error-catalogue.js';

/**
 * Describes each code of `userErrors`: what the caller can fix; the mutation has done nothing, or, of many things, not
 * this one.
 */
export const userErrorCatalogue: Readonly<Record<UserErrorCode, Omit<CatalogueEntry, 'status'>>> = {
  [UserErrorCode.NOT_FOUND]: {
    meaning: 'There is no such row.',
    message: ['… … does not exist.'],
    remedy: 'Name one that exists.',
  },
  [UserErrorCode.ALREADY_ENROLLED]: {
    meaning: 'The student is in the course already.',
    message: ['Student … is enrolled in course … "…" already.'],
    remedy: 'Nothing: what was asked for is so.',
  },
  [UserErrorCode.COURSE_FULL]: {
    meaning: 'Every seat of the course is taken.',
    message: ['Course … "…" is full: all its … seats are taken.'],
    remedy: 'Wait for a seat, or raise the capacity.',
  },
  [UserErrorCode.COURSE_CLOSED]: {
    meaning:
      'Students cannot enroll themselves: the course is not ACTIVE, or it is not published and you may see that.',
    message: ['Course … "…" is closed to students: it is ….'],
    remedy: 'Wait until it is open; teachers and admins can enroll students in it all the same.',
  },
  [UserErrorCode.INVALID]: {
    meaning: 'A value is out of range.',
    message: ['…'],
    remedy: 'Correct the value that `field` leads to, as the message says.',
  },
  [UserErrorCode.IN_USE]: {
    meaning: 'Something else holds on to it.',
    message: [
      'The email … belongs to another user.',
      'User … instructs course …; give the courses another instructor first.',
      'Run …, started by …, is at work on … (… of … checked). …',
      'Run … is being worked on by …. Pause it first to go on with it elsewhere.',
      'Run … …',
    ],
    remedy: 'Free it first, as the message says.',
  },
  [UserErrorCode.NOT_RUNNING]: {
    meaning: 'The run is not in a state for that.',
    message: ['Run … is …, so it cannot become ….', 'Run … has come to its end: it is …. Start a new one.'],
    remedy: 'Nothing: the run is over, or waits to be resumed.',
  },
};
