import { readConfig, type Config } from '../../config/config.js';
import { ok, warning, type Finding } from './finding.js';

/** How many times its default a limit may be before it is called wide. */
const MAX_TIMES_DEFAULT = 10;

/** The limits that bound what one client can take, with the variables that set them. */
const doctorLimits = {
  maxDepth: 'MAX_DEPTH',
  maxCost: 'MAX_COST',
  maxRowsRead: 'MAX_ROWS_READ',
  maxAliases: 'MAX_ALIASES',
  maxDirectives: 'MAX_DIRECTIVES',
  maxSubscriptions: 'MAX_SUBSCRIPTIONS',
  requestTimeout: 'REQUEST_TIMEOUT',
  writeTimeout: 'WRITE_TIMEOUT',
  userCheckSeconds: 'USER_CHECK_SECONDS',
} as const satisfies Partial<Record<keyof Config, string>>;

/** Examines the limits of requests and of tokens: says what they are, and warns of those that hardly limit anything. */
export function examineLimits(config: Config): Finding[] {
  const defaults = readConfig({});
  const names = Object.keys(doctorLimits) as (keyof typeof doctorLimits)[];
  const wide = names.filter(name => config[name] > MAX_TIMES_DEFAULT * defaults[name]);
  const told = names.map(name => `${doctorLimits[name]} ${config[name]}`).join(', ');
  const { roleFrom, trustedDocuments, jwt } = config;
  return [
    ok(`${told}; ${trustedDocuments === null ? 'any operation runs' : 'only trusted operations run'}.`),
    ok(
      `Roles come from the ${roleFrom === 'token' ? 'token' : "user's row"}; clocks may differ by ${jwt.clockTolerance} s.`,
    ),
    ...wide.map(name =>
      warning(
        `${doctorLimits[name]} is ${config[name]}, more than ${MAX_TIMES_DEFAULT} times its default (${defaults[name]}): what is promised of the defaults does not hold.`,
        `Leave ${doctorLimits[name]} out, or set it lower.`,
      ),
    ),
  ];
}
