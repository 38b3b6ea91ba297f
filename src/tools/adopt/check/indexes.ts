import { planAdoption } from '../../../database/adoption/plan.js';
import { mapParts } from '../../../map/map-form.js';
import { ok, type Finding } from '../../doctor/finding.js';
import type { Examined } from './examined.js';

/** Finds the indexes of our queries that the tables lack, as far as the tables can be opened in place. */
export async function indexFindings({ theirs, tables, map }: Examined): Promise<Finding[]> {
  if (mapParts.some(part => tables.get(map[part].table)!.unfit !== null)) return [];
  const { additions } = await planAdoption(theirs.database, map);
  const missing = additions
    .filter(({ kind, object }) => kind === 'indexes' && mapParts.some(part => map[part].table === object))
    .map(({ object, names }) => `${object}: ${names.join(', ')}`);
  return [
    ok(
      missing.length === 0
        ? 'The tables have all indexes of our lists and counts.'
        : `The tables lack some indexes of our lists and counts, which are added in place: ${missing.join('; ')}. A copy has them.`,
    ),
  ];
}
