import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Answer } from './api.js';

/** A caller that sends operations to one server. */
export interface Sender {
  (query: string, variables?: object): Promise<Answer>;
}

/** The fields of a run that tests select. */
const runFields =
  'id kind status interrupted dryRun startedBy courseIds batchSize throttle total checked drifted repaired error startedAt updatedAt finishedAt undoneRun { id }';

const payload = `{ run { ${runFields} } userErrors { code field message } }`;

/** The name of a mutation of runs. */
export type RecountName = 'recountEnrollments' | 'pauseRecount' | 'resumeRecount' | 'cancelRecount' | 'undoRecount';

/** Sends one mutation of runs and returns its payload. */
export async function mutateRun(send: Sender, name: RecountName, input: object): Promise<Answer['data']> {
  const type = name === 'recountEnrollments' ? 'RecountEnrollmentsInput' : 'RunInput!';
  const { data, errors } = await send(`mutation ($input: ${type}) { ${name}(input: $input) ${payload} }`, { input });
  expect(errors).toBeUndefined();
  return data[name];
}

/** Sends one mutation that starts a run, and returns the finished run. */
export async function finishRun(send: Sender, name: RecountName, input: object): Promise<Answer['data']> {
  const { run, userErrors } = await mutateRun(send, name, input);
  expect(userErrors).toEqual([]);
  return polled(send, run.id, ({ status }) => status !== 'RUNNING');
}

/** Returns a run as the API shows it. */
export async function readRun(send: Sender, id: string): Promise<Answer['data']> {
  const { data, errors } = await send(`query ($id: ID!) { recountRun(id: $id) { ${runFields} } }`, { id });
  expect(errors).toBeUndefined();
  return data.recountRun;
}

/** Polls a run, as users do, until it meets a condition, and returns it. */
export async function polled(
  send: Sender,
  id: string,
  wanted: (run: Answer['data']) => boolean,
): Promise<Answer['data']> {
  for (;;) {
    const run = await readRun(send, id);
    if (wanted(run)) return run;
    await delay(20);
  }
}

/** Returns all changes of a run, page by page. */
export async function changesOfRun(send: Sender, id: string, size = 100): Promise<Answer['data'][]> {
  const changes = [];
  for (let after: string | null = null; ;) {
    const { data } = await send(
      'query ($id: ID!, $first: Int, $after: String) { recountRun(id: $id) { changes(first: $first, after: $after) { totalCount nodes { counter courseId course { id } before after } pageInfo { hasNextPage endCursor } } } }',
      { id, first: size, after },
    );
    const { nodes, pageInfo, totalCount } = data.recountRun.changes;
    changes.push(...nodes);
    if (!pageInfo.hasNextPage) {
      expect(totalCount).toBe(changes.length);
      return changes;
    }
    after = pageInfo.endCursor;
  }
}
