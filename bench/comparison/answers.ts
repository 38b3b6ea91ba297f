import { cases, type Case } from './cases.ts';
import { bodiesOf } from './requests.ts';
import type { Rows } from './rows.ts';
import type { RunningContestant } from './running-contestant.ts';
import { driftOf, removeNewEnrollments } from './store.ts';

/** The requests of each case whose answers are compared. */
const COMPARED_READS = 40;

/**
 * Compares the answers of all contestants with those of the first one, byte by byte, and their enrollments by their
 * effect. Errors: the first difference.
 */
export async function compareAnswers(
  running: readonly RunningContestant[],
  rows: Rows,
  casesOf: (one: RunningContestant) => readonly string[],
): Promise<void> {
  for (const one of cases) {
    const able = running.filter(other => casesOf(other).includes(one.name));
    if (one.writes) for (const other of able) await compareEnrollment(other, one, rows);
    else await compareReads(able, one, rows);
  }
}

async function compareReads(running: readonly RunningContestant[], one: Case, rows: Rows): Promise<void> {
  const expected: string[] = [];
  for (const other of running) {
    const { name, shaped } = other.contestant;
    const bodies = bodiesOf(one, rows, 1, other.contestant).slice(0, COMPARED_READS);
    for (const [index, body] of bodies.entries()) {
      const text = await other.post(body);
      // What comes after the data is the contestant's own, such as extensions.
      const answer = shaped ? shaped(one.name, JSON.parse(text)) : (JSON.parse(text) as { data?: unknown });
      const data = JSON.stringify(answer.data);
      if (!data || data.includes('null')) throw new Error(`${name} fails in case ${one.name}: ${text.slice(0, 1000)}`);
      expected[index] ??= data;
      if (data !== expected[index])
        throw new Error(
          `${name} answers another thing in case ${one.name}:\n${data.slice(0, 2000)}\ninstead of\n${expected[index].slice(0, 2000)}`,
        );
    }
  }
}

async function compareEnrollment({ contestant, post, store }: RunningContestant, one: Case, rows: Rows): Promise<void> {
  const { name, shaped } = contestant;
  const body = bodiesOf(one, rows, 1, contestant)[0]!;
  const text = await post(body);
  const { courseId } = (JSON.parse(body) as { variables: { courseId: string } }).variables;
  const [added] = await store.query(
    `select max(id) as id, count(*) as number from core_enrollments where id > ${rows.size.enrollments}`,
  );
  const drift = await driftOf(store, [Number(courseId)]);
  await removeNewEnrollments(store, rows);
  const expected = `{"enroll":{"enrollment":{"id":"${added!['id']}","status":"ACTIVE"},"userErrors":[]}}`;
  const answer = JSON.parse(text) as { data?: unknown };
  const data = JSON.stringify((shaped ? shaped(one.name, answer) : answer).data);
  if (data !== expected || Number(added!['number']) !== 1 || drift !== 0)
    throw new Error(
      `${name} enrolls wrongly in case ${one.name}: ${text.slice(0, 500)}; rows added: ${added!['number']}, drift: ${drift}`,
    );
}
