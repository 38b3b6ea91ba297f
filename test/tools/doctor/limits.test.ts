import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/config.js';
import { examineLimits } from '../../../src/tools/doctor/limits.js';

/** Returns the findings about limits, as lines of status and message. */
function found(env: Record<string, string>): string[] {
  return examineLimits(readConfig(env)).map(({ status, message }) => `${status} ${message}`);
}

describe('the check of the limits', () => {
  it('the check of the limits says what the limits are, and where roles come from', () => {
    expect(found({})).toEqual([
      'ok MAX_DEPTH 12, MAX_COST 50000, MAX_ROWS_READ 1000000, MAX_ALIASES 50, MAX_DIRECTIVES 50, MAX_SUBSCRIPTIONS 5000, REQUEST_TIMEOUT 10, WRITE_TIMEOUT 30, USER_CHECK_SECONDS 15; any operation runs.',
      'ok Roles come from the token; clocks may differ by 30 s.',
    ]);
    expect(found({ ROLE_FROM: 'database', JWT_CLOCK_TOLERANCE: '5', MAX_DEPTH: '9' })).toEqual([
      expect.stringContaining('MAX_DEPTH 9,'),
      "ok Roles come from the user's row; clocks may differ by 5 s.",
    ]);
  });

  it('the check of the limits warns of each limit of more than ten times its default', () => {
    expect(
      found({ MAX_COST: '500000', REQUEST_TIMEOUT: '101', USER_CHECK_SECONDS: '3600' }).filter(line =>
        line.startsWith('warning'),
      ),
    ).toEqual([
      'warning REQUEST_TIMEOUT is 101, more than 10 times its default (10): what is promised of the defaults does not hold.',
      'warning USER_CHECK_SECONDS is 3600, more than 10 times its default (15): what is promised of the defaults does not hold.',
    ]);
  });
});
