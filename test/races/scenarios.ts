import type { Scenario } from './scenario.js';
import { deleting } from './scenarios/deleting.js';
import { enrolling } from './scenarios/enrolling.js';
import { oneRow } from './scenarios/one-row.js';
import { seats } from './scenarios/seats.js';

/** Lists the races that counter caches lose elsewhere. */
export const scenarios: readonly Scenario[] = [...enrolling, ...oneRow, ...deleting, ...seats];
