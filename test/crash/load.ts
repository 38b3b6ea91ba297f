import { Ledger, type Known } from './ledger.ts';

/** Sends changes of its own students to the server, one after the other, until it is told to stop. */
export interface Client {
  stop(): Promise<void>;
}

interface Answer {
  readonly data?: Record<string, { enrollment?: { id: string; status: string; course: { id: string } } | null; deletedId?: string | null; userErrors: { code: string }[] } | null> | null;
  readonly errors?: { extensions?: { code?: string } }[];
}

/** Names the answers that promise that nothing was changed. */
const UNCHANGED = new Set(['DATABASE_UNAVAILABLE', 'RETRY_LATER']);

/** Counts errors that no client should ever see. */
export const surprises = new Map<string, number>();

/** Starts a client with students of its own; what it is told goes into the ledger. */
export function startClient(url: string, token: string, students: readonly string[], courses: readonly string[], ledger: Ledger): Client {
  let stopping = false;
  const done = (async () => {
    while (!stopping) {
      const student = pick(students);
      await change(url, token, student, courses, ledger);
    }
  })();
  return {
    async stop() {
      stopping = true;
      await done;
    },
  };
}

async function change(url: string, token: string, student: string, courses: readonly string[], ledger: Ledger): Promise<void> {
  const known = ledger.know(student);
  if (known.state === 'unknown') return; // Looked at after the restart.
  const { mutation, after } = chosen(known, student, courses);
  const answer = await send(url, token, mutation);
  const code = answer?.errors?.[0]?.extensions?.code;
  if (answer === null || code === 'COMMIT_UNKNOWN' || code === 'READ_FAILED') return ledger.lose(student);
  if (code !== undefined) {
    if (UNCHANGED.has(code)) return ledger.refuse();
    surprises.set(code, (surprises.get(code) ?? 0) + 1);
    return ledger.lose(student);
  }
  const payload = Object.values(answer.data!)[0]!;
  if (payload.userErrors.length > 0) return ledger.refuse();
  ledger.acknowledge(student, after(payload.enrollment ?? null));
}

function chosen(known: Exclude<Known, { state: 'unknown' }>, student: string, courses: readonly string[]): { mutation: string; after: (enrollment: { id: string; status: string; course: { id: string } } | null) => Known } {
  const enrollment = 'enrollment { id status course { id } } userErrors { code }';
  const there = (row: { id: string; status: string; course: { id: string } } | null): Known => ({ state: 'there', id: row!.id, course: row!.course.id, status: row!.status.toLowerCase() });
  if (known.state === 'gone') return { mutation: `enroll(input: { courseId: ${pick(courses)}, studentId: ${student} }) { ${enrollment} }`, after: there };
  const way = Math.random();
  if (way < 0.4) return { mutation: `unenroll(input: { enrollmentId: ${known.id} }) { deletedId userErrors { code } }`, after: () => ({ state: 'gone' }) };
  if (way < 0.7) return { mutation: `transferEnrollment(input: { enrollmentId: ${known.id}, courseId: ${pick(courses)} }) { ${enrollment} }`, after: there };
  return { mutation: `setEnrollmentStatus(input: { enrollmentId: ${known.id}, status: ${pick(['ACTIVE', 'DROPPED', 'COMPLETED', 'SUSPENDED'])} }) { ${enrollment} }`, after: there };
}

/** Gives the answer; null: none came. */
async function send(url: string, token: string, mutation: string): Promise<Answer | null> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: `mutation { ${mutation} }` }),
    });
    return (await response.json()) as Answer;
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return null; // The connection was refused or broke off.
    throw error;
  }
}

function pick<Value>(values: readonly Value[]): Value {
  return values[Math.floor(Math.random() * values.length)]!;
}
