import type { Known, Ledger } from './ledger.ts';

/** Sends changes of its own students to the server, one after the other, until it is told to stop. */
export interface Client {
  readonly stop: () => Promise<void>;
}

/** The answer to a mutation. */
export interface Answer {
  readonly data?: Record<string, Payload | null> | null;
  readonly errors?: { readonly message?: string; readonly extensions?: { readonly code?: string } }[];
}

/** The parts of payloads that are used here. */
export interface Payload {
  readonly enrollment?: {
    readonly id: string;
    readonly status: string;
    readonly course: { readonly id: string };
  } | null;
  readonly deletedId?: string | null;
  readonly userErrors: readonly { readonly code: string; readonly message?: string }[];
}

/** An operation with its variables: its text stays the same, as in a client. */
export interface Operation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Sends a mutation that concerns some courses, and returns the answer; null: none came. */
export type Send = (name: string, mutation: Operation, courses: readonly string[]) => Promise<Answer | null>;

/** The outcome of a mutation: done, nothing changed, or unknown. */
export type Outcome = 'done' | 'refused' | 'unknown';

/** The codes that promise that nothing was changed. */
const UNCHANGED = new Set([
  'DATABASE_UNAVAILABLE',
  'RETRY_LATER',
  'DATABASE_FULL',
  'REQUEST_TIMEOUT',
  'KEYS_UNAVAILABLE',
  'OVERLOADED',
  'RATE_LIMITED',
  'SERVER_STOPPING',
]);
/** The codes after which the change may have happened or not. */
const NOT_KNOWN = new Set(['COMMIT_UNKNOWN', 'READ_FAILED']);

/** The number of errors that no client should ever see. */
export const unexpectedErrors = new Map<string, number>();

/** Starts a client with students of its own, whose answers are recorded in the ledger. */
export function startClient(
  url: string,
  token: string,
  students: readonly string[],
  courses: readonly string[],
  ledger: Ledger,
): Client {
  let stopping = false;
  const done = (async () => {
    while (!stopping) await change((_name, mutation) => send(url, token, mutation), pick(students), courses, ledger);
  })();
  return {
    async stop() {
      stopping = true;
      await done;
    },
  };
}

/** Returns the outcome of a mutation, by the promise of its answer. */
export function outcomeOf(answer: Answer | null): Outcome {
  const code = answer?.errors?.[0]?.extensions?.code;
  if (answer === null || (code !== undefined && NOT_KNOWN.has(code))) return 'unknown';
  if (code !== undefined && UNCHANGED.has(code)) return 'refused';
  const payload = Object.values(answer.data ?? {})[0];
  if (code === undefined && payload && payload.userErrors.length > 0) return 'refused';
  if (code === undefined && payload && payload.enrollment !== null) return 'done';
  unexpectedErrors.set(String(code), (unexpectedErrors.get(String(code)) ?? 0) + 1);
  return 'unknown';
}

/**
 * Changes the known enrollment of one student: enrolls the student where it is deleted, otherwise removes, moves or
 * changes it.
 */
export async function change(ask: Send, student: string, courses: readonly string[], ledger: Ledger): Promise<void> {
  const known = ledger.know(student);
  if (known.state === 'unknown') return; // Looked at when the rows are.
  const { name, input, about, after } = chosen(known, student, courses);
  const answer = await ask(
    name,
    mutationOf(name, input, name === 'unenroll' ? 'deletedId' : 'enrollment { id status course { id } }'),
    about,
  );
  const outcome = outcomeOf(answer);
  if (outcome === 'unknown') ledger.lose(student);
  else if (outcome === 'refused') ledger.refuse();
  else ledger.acknowledge(student, after(Object.values(answer!.data!)[0]!.enrollment ?? null));
}

type Enrolled = Payload['enrollment'];

/** A change of one student, the courses that it concerns, and what is known once it is done. */
interface Change {
  readonly name: string;
  readonly input: object;
  readonly about: readonly string[];
  readonly after: (enrollment: Enrolled) => Known;
}

function chosen(known: Exclude<Known, { state: 'unknown' }>, studentId: string, courses: readonly string[]): Change {
  const there = (row: Enrolled): Known => ({
    state: 'there',
    id: row!.id,
    course: row!.course.id,
    status: row!.status.toLowerCase(),
  });
  const courseId = pick(courses.filter(one => known.state === 'gone' || one !== known.course));
  if (known.state === 'gone')
    return { name: 'enroll', input: { courseId, studentId }, about: [courseId], after: there };
  const [enrollmentId, way] = [known.id, Math.random()];
  if (way < 0.4)
    return { name: 'unenroll', input: { enrollmentId }, about: [known.course], after: () => ({ state: 'gone' }) };
  if (way < 0.7)
    return {
      name: 'transferEnrollment',
      input: { enrollmentId, courseId },
      about: [known.course, courseId],
      after: there,
    };
  return {
    name: 'setEnrollmentStatus',
    input: { enrollmentId, status: pick(['ACTIVE', 'DROPPED', 'COMPLETED', 'SUSPENDED']) },
    about: [known.course],
    after: there,
  };
}

/**
 * Returns a mutation with its input as a variable, whose type has the mutation's name, and the selection of its
 * userErrors.
 */
export function mutationOf(name: string, input: object, selection: string): Operation {
  return {
    query: `mutation ($input: ${name.charAt(0).toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} userErrors { code message } } }`,
    variables: { input },
  };
}

/** Returns the answer; null: none came. */
async function send(url: string, token: string, mutation: Operation): Promise<Answer | null> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(mutation),
    });
    return (await response.json()) as Answer;
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return null; // The connection was refused or broke off.
    throw error;
  }
}

/** Returns one of some values, at random. */
export function pick<Value>(values: readonly Value[]): Value {
  return values[Math.floor(Math.random() * values.length)]!;
}
