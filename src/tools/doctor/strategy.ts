import type { Config } from '../../config/config.js';
import { triggerStatus } from 'mikro-orm-counters';
import type { Database } from '../../database/database.js';
import { disagreementOf, inForce } from '../counter-agreement.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** Examines whether the database agrees with the configuration on who keeps the stored counts. */
export async function examineStrategy(database: Database, counters: Config['counters']): Promise<Finding[]> {
  const status = await triggerStatus(database.em);
  const state = `COUNTERS=${counters}; the database has ${inForce(status)}.`;
  const disagreement = disagreementOf(counters, status);
  if (disagreement !== null) return [failed(state, disagreement)];
  return [
    counters === 'switching'
      ? warning(state, 'Finish going over: "rollcall counters use --help" says how.')
      : ok(state),
  ];
}
