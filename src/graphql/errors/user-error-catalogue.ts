/**
 * Every code that `userErrors` can have. The enum UserErrorCode takes its descriptions from here. A test compares
 * docs/errors.md with this list and provokes each code.
 */
import { UserErrorCode } from '../../use-cases/outcome.js';
import type { CatalogueEntry } from './error-catalogue.js';

/**
 * Each code of `userErrors`, which say what the caller can fix: the mutation changed nothing or, if it has several
 * parts, did not do this part.
 */
export const userErrorCatalogue: Readonly<Record<UserErrorCode, Omit<CatalogueEntry, 'status'>>> = {
  [UserErrorCode.NOT_FOUND]: {
    meaning: 'The row does not exist.',
    message: ['… … does not exist.'],
    remedy: 'Name a row that exists.',
  },
  [UserErrorCode.ALREADY_ENROLLED]: {
    meaning: 'The student is already enrolled in the course.',
    message: ['Student … is enrolled in course … "…" already.'],
    remedy: 'Nothing: the student is enrolled.',
  },
  [UserErrorCode.COURSE_FULL]: {
    meaning: 'Every seat of the course is taken.',
    message: ['Course … "…" is full: all its … seats are taken.'],
    remedy: 'Wait for a seat, or raise the capacity.',
  },
  [UserErrorCode.COURSE_CLOSED]: {
    meaning:
      'Students cannot enroll themselves, because the course is not ACTIVE, or because it is not published, which the viewer is allowed to know.',
    message: ['Course … "…" is closed to students: it is ….'],
    remedy: 'Wait until it is open; teachers and admins can enroll students anyway.',
  },
  [UserErrorCode.INVALID]: {
    meaning: 'A value is out of range.',
    message: ['…'],
    remedy: 'Correct the value at the path in `field`, as the message says.',
  },
  [UserErrorCode.IN_USE]: {
    meaning: 'Something else uses it.',
    message: [
      'The email … belongs to another user.',
      'User … instructs course …; give the courses another instructor first.',
      '… … is in use: another table of the database refers to it. Remove what refers to it first.',
      'Run …, started by …, is at work on … (… of … checked). …',
      'Run … is being worked on by …. Pause it first to continue it elsewhere.',
      'Run … …',
    ],
    remedy: 'Release it first, as the message says.',
  },
  [UserErrorCode.NOT_RUNNING]: {
    meaning: 'The state of the run does not allow that.',
    message: ['Run … is …, so it cannot become ….', 'Run … has finished: it is …. Start a new one.'],
    remedy: 'Nothing: the run has finished, or waits to be resumed.',
  },
};
