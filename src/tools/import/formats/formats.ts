import { blackboard } from './blackboard.js';
import { brightspace } from './brightspace.js';
import { canvas } from './canvas.js';
import type { EnrollmentFormat } from './enrollment-format.js';
import { moodle } from './moodle.js';
import { oneroster } from './oneroster.js';
import { openEdx } from './open-edx.js';
import { phpMyAdmin } from './php-my-admin.js';
import { schoolDataSync1, schoolDataSync2 } from './school-data-sync.js';

/** The formats of other systems, by the names that `--from` has. */
export const enrollmentFormats: Readonly<Record<string, EnrollmentFormat>> = {
  canvas,
  oneroster,
  moodle,
  blackboard,
  'sds-v1': schoolDataSync1,
  'sds-v2.1': schoolDataSync2,
  brightspace,
  'open-edx': openEdx,
  phpmyadmin: phpMyAdmin,
};
