import type { Answer } from '../crash/load.ts';
import type { Known } from '../crash/ledger.ts';
import type { Problems } from './problems.ts';

/** Checks that a verification has found no drift. */
export function checkVerify({ data }: Answer, problems: Problems): void {
  const { ok } = (data as unknown as { verifyEnrollmentCounts: { ok: boolean } }).verifyEnrollmentCounts;
  if (!ok) problems.add('a verify has found drift', JSON.stringify(data));
}

/** Checks that a student's enrollment is read as it was acknowledged. */
export function checkStudent(student: string, known: Known, { data }: Answer, problems: Problems): void {
  const { nodes } = (
    data as unknown as { enrollments: { nodes: { id: string; status: string; course: { id: string } }[] } }
  ).enrollments;
  const read = nodes.map(({ id, status, course }) => `${id} ${course.id} ${status.toLowerCase()}`);
  const expected = known.state === 'there' ? [`${known.id} ${known.course} ${known.status}`] : [];
  if (known.state !== 'unknown' && read.join() !== expected.join())
    problems.add(
      'a student’s enrollment was read differently from what was acknowledged',
      JSON.stringify({ student, read, expected }),
    );
}

/**
 * Checks the payload of a mutation: it shows what it acknowledges, and its userErrors are true. Only a course with few
 * seats can be full, and everything else is as the ledger has it.
 */
export function checkPayload(name: string, answer: Answer, mayBeFull: boolean, problems: Problems): void {
  const payload = Object.values(answer.data ?? {})[0];
  const mistakes = payload?.userErrors ?? [];
  if (!answer.errors && mistakes.length === 0 && payload?.enrollment === null)
    problems.add(`${name} was acknowledged without its enrollment`);
  for (const { code, message } of mistakes)
    if (code !== 'COURSE_FULL' || !mayBeFull)
      problems.add(`${name} was rejected with ${code}, which is false`, message);
}
