import type { Key } from '../../entities/index.js';
import type { Database } from '../../database/database.js';
import { verifyCounts } from '../../recounts/verify-counts.js';
import type { Viewer } from '../../access/viewer.js';
import { failed, ok, type Finding } from './finding.js';

/** The most courses that are named of those whose counts do not match. */
const MAX_NAMED_COURSES = 5;

/** Examines all stored counts; `alive` is called for each chunk. */
export async function examineCounts(database: Database, caller: Viewer, alive: () => void): Promise<Finding[]> {
  const { value } = await verifyCounts(database, caller);
  let [checked, drifting] = [0, 0];
  const courses: Key[] = [];
  for await (const chunk of value!.chunks) {
    alive();
    checked += chunk.checked;
    drifting += chunk.counts.length;
    courses.push(...new Set(chunk.counts.map(({ courseId }) => courseId)));
  }
  if (drifting === 0) return [ok(`All match the enrollments; courses checked: ${checked}.`)];
  const others = courses.length > MAX_NAMED_COURSES ? ` and ${courses.length - MAX_NAMED_COURSES} more` : '';
  const message = `Counts that do not match the enrollments: ${drifting}, of course ${courses.slice(0, MAX_NAMED_COURSES).join(', ')}${others}.`;
  return [{ ...failed(message, '"rollcall verify" shows them, "rollcall recount" repairs them.'), drift: true }];
}
