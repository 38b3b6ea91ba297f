import { countedStatuses, EnrollmentStatus, storedCounts } from '../../entities/index.js';
import { failed, ok, warning, type Finding } from './finding.js';
import { fetchFailureReason } from './secrets.js';

/** The server to examine, and the token to send to it. */
export interface ApiToExamine {
  readonly url: string;
  readonly token?: string;
}

/**
 * How often a count that does not match is requested again: stored and computed are read one after the other, while
 * writers write.
 */
const MAX_TRIES = 8;

/** The stored counts that the API gives, each with the field for its actual one. */
const comparedFields = storedCounts.map(({ counter }) => {
  const statuses = countedStatuses(counter);
  const names = Object.entries(EnrollmentStatus).flatMap(([name, status]) =>
    statuses?.includes(status) ? [name] : [],
  );
  const chosen = statuses === null ? '' : `status: [${names.join(', ')}], `;
  const actual = `actual_${counter.into}`;
  return { stored: counter.into, actual, query: `${actual}: enrollmentsCount(${chosen}limit: null) { count }` };
});

const doctorQuery = `query Doctor($ids: [ID!]) {
  courses(first: 20, filter: { ids: $ids }, orderBy: { field: TOTAL_ENROLLMENTS, direction: DESC }) {
    totalCount
    nodes { id ${comparedFields.map(({ stored, query }) => `${stored} ${query}`).join(' ')} }
  }
}`;

/** Asks the server for something, within the time that a request is given. */
type Request = (url: string, options?: RequestInit) => Promise<Response>;

/** A course with its stored counts and the actual ones. */
type CourseNode = { readonly id: string } & Readonly<Record<string, unknown>>;

interface DoctorAnswer {
  readonly data?: { readonly courses: { readonly totalCount: number; readonly nodes: readonly CourseNode[] } } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

/**
 * Examines a server: that it lives, that it is ready, and that the counts which its API gives are those of the rows.
 *
 * A request is given up after `limit` milliseconds; `alive` is called before each.
 */
export async function examineApi({ url, token }: ApiToExamine, limit: number, alive: () => void): Promise<Finding[]> {
  const base = url.replace(/\/(graphql\/?)?$/, '');
  const request: Request = (address, options) => {
    alive();
    return fetch(address, { ...options, signal: AbortSignal.timeout(limit) });
  };
  const findings = [await statusFinding(`${base}/healthz`, request), await statusFinding(`${base}/readyz`, request)];
  return [...findings, await countsFinding(`${base}/graphql`, token, request)];
}

async function statusFinding(url: string, request: Request): Promise<Finding> {
  try {
    const response = await request(url);
    const text = await response.text();
    return response.ok
      ? ok(`${url} answers ${response.status}.`)
      : failed(`${url} answers ${response.status}: ${text.slice(0, 200)}`, 'See the log of the server.');
  } catch (error) {
    return failed(`${url} does not answer: ${fetchFailureReason(error)}.`, 'Start the server, or correct --url.');
  }
}

async function countsFinding(url: string, token: string | undefined, request: Request): Promise<Finding> {
  const who = token === undefined ? 'without a token' : 'with the token';
  const ask = (ids: readonly string[] | null): Promise<DoctorAnswer> => answerOf(url, token, { ids }, request);
  try {
    const first = await ask(null);
    // With trusted documents a server does not run this query either.
    if (first.errors?.[0]?.extensions?.code === 'DOCUMENT_NOT_TRUSTED')
      return warning(
        `${url} runs only trusted documents, so that its counts were not asked for.`,
        'The check of the counts compares them in the database.',
      );
    if (!first.data)
      return failed(
        `${url} answers ${who}: ${errorOf(first)}`,
        token === undefined
          ? 'Correct --url.'
          : 'Set DOCTOR_TOKEN to a token of this server: rollcall token --role admin',
      );
    const { totalCount, nodes } = first.data.courses;
    const drifts = new Drifts(nodes);
    for (let tries = 1; drifts.ids.length > 0 && tries < MAX_TRIES; tries += 1) {
      const { data, ...rest } = await ask(drifts.ids);
      if (!data) return failed(`${url} answers no more: ${errorOf(rest)}`, 'See the log of the server.');
      drifts.narrow(data.courses.nodes);
    }
    if (drifts.ids.length === 0)
      return ok(`${url} gives the true counts of ${nodes.length} courses of the ${totalCount} that it shows ${who}.`);
    if (drifts.constant.length === 0)
      return warning(
        `${url}: the counts of courses ${drifts.ids.join(', ')} change too fast to be compared.`,
        'The check of the counts compares them within one statement.',
      );
    const wrong = drifts.constant.map(([id, drift]) => `course ${id} is off by ${drift}`);
    return {
      ...failed(
        `${url} gives counts that are not true (${comparedFields.map(({ stored }) => stored).join(', ')}): ${wrong.join('; ')}.`,
        'On its database, "rollcall recount" repairs them.',
      ),
      drift: true,
    };
  } catch (error) {
    return failed(`${url} gives no counts: ${fetchFailureReason(error)}.`, 'Start the server, or correct --url.');
  }
}

/**
 * Follows courses whose counts did not match: what matches once was right, and drift stays the same while other
 * differences come and go.
 */
class Drifts {
  #seen: Map<string, Set<string>>;

  constructor(nodes: readonly CourseNode[]) {
    this.#seen = new Map(nodes.filter(isWrong).map(node => [node.id, new Set([driftOf(node)])]));
  }

  get ids(): string[] {
    return [...this.#seen.keys()];
  }

  get constant(): [id: string, drift: string][] {
    return [...this.#seen].flatMap(([id, drifts]) =>
      drifts.size === 1 ? [[id, [...drifts][0]!] as [string, string]] : [],
    );
  }

  /** Keeps those courses that still do not match. */
  narrow(nodes: readonly CourseNode[]): void {
    this.#seen = new Map(nodes.filter(isWrong).map(node => [node.id, this.#seen.get(node.id)!.add(driftOf(node))]));
  }
}

function isWrong(node: CourseNode): boolean {
  return driftsOf(node).some(drift => drift !== 0);
}

function driftOf(node: CourseNode): string {
  return driftsOf(node).join(', ');
}

function driftsOf(node: CourseNode): number[] {
  return comparedFields.map(
    ({ stored, actual }) => (node[stored] as number) - (node[actual] as { readonly count: number }).count,
  );
}

function errorOf({ errors }: DoctorAnswer): string {
  return errors?.[0]?.message ?? 'nothing that is GraphQL.';
}

async function answerOf(
  url: string,
  token: string | undefined,
  variables: object,
  request: Request,
): Promise<DoctorAnswer> {
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const response = await request(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query: doctorQuery, variables }),
  });
  return (await response.json()) ?? {};
}
