import type { Scenario } from './scenario.js';
import { deleting } from './scenarios/deleting.js';
import { enrolling } from './scenarios/enrolling.js';
import { oneRow } from './scenarios/one-row.js';
import { seats } from './scenarios/seats.js';

/** The races in which other counter caches lose updates. */
export const scenarios: readonly Scenario[] = [...enrolling, ...oneRow, ...deleting, ...seats];
