import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { promptly, waitUntil } from '../../support/wait.js';
import { steppedClock } from '../../support/stepped-clock.js';

/** Linux's name of a connection with TCP keep-alive. */
const PROBED = '02';

describe('a stream of events whose client may have vanished', () => {
  let api: Api;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    api = await startApi('sqlite', { clock: steppedClock() });
    await addCourse(api.database);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await api.stop();
  });

  const query = new URLSearchParams({ query: 'subscription { courseCountsChanged { courseId } }' });
  async function listen(): Promise<IncomingMessage> {
    const [answer] = (await once(
      get(`${api.url}/stream?${query}`, { agent: false, headers: { accept: 'text/event-stream' } }),
      'response',
    )) as [IncomingMessage];
    return answer;
  }

  it('a stream of events has a comment every 24 s, so that TCP has the time between two to detect a dead peer', async () => {
    const answer = await listen();
    let all = '';
    answer.setEncoding('utf8').on('data', part => (all += String(part)));
    await waitUntil(() => all.includes('event: next'), 'The first event has not come.');
    all = '';
    for (let round = 1; round <= 4; round += 1) {
      vi.advanceTimersByTime(12_000);
      // Anything written now would arrive with the data under way.
      if (round % 2 === 0) await waitUntil(() => all === ':\n\n'.repeat(round / 2), 'No comment has come.');
      else await new Promise(resolve => setImmediate(resolve));
    }
    expect(all).toBe(':\n\n:\n\n');
    answer.destroy();
  });

  it.runIf(process.platform === 'linux')('every connection of a stream of events has TCP keep-alive on', async () => {
    const answer = await listen();
    await promptly(once(answer, 'data'), 'The stream has not begun.');
    const [server, client] = [Number(new URL(api.url).port), answer.socket.localPort!].map(
      port => `:${port.toString(16).toUpperCase().padStart(4, '0')}`,
    );
    const timerOf = (): string | undefined =>
      readFileSync('/proc/net/tcp', 'utf8')
        .split('\n')
        .map(line => line.trim().split(/\s+/))
        .find(([, local, remote]) => local?.endsWith(server!) && remote?.endsWith(client!))?.[5]
        ?.split(':')[0];
    // Until then another timer runs, for the sent answer.
    await waitUntil(() => timerOf() === PROBED, 'TCP does not ask.');
    answer.destroy();
  });
});
