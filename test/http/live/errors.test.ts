import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { Role } from '../../../src/entities/index.js';
import { addCourse, addUser } from '../../support/api.js';
import { protocols, subscribeBy, type LiveClient, type LiveOptions } from '../../support/live-clients.js';
import { bypassCounters } from '../../support/place-on.js';
import { steppedClock, type SteppedClock } from '../../support/stepped-clock.js';
import { startLiveApi, type LiveApi } from './live-api.js';

interface Line {
  readonly msg: string;
  readonly errorId?: string;
  readonly err?: { readonly message: string };
}

describe.each(protocols)('an error in a subscription by %s', protocol => {
  let live: LiveApi;
  let clock: SteppedClock;
  let lines: Line[];
  let subscribe: (options?: LiveOptions) => LiveClient;

  beforeEach(async () => {
    live = await startLiveApi('sqlite');
    clock = steppedClock();
    lines = [];
    const { server } = await live.another({
      clock,
      logger: pino({}, { write: line => void lines.push(JSON.parse(line) as Line) }),
    });
    subscribe = options => subscribeBy(protocol, server.url, options);
  });
  afterEach(() => live.stop());

  /** Expects the one error to be masked, and the original to be in the log under its id. */
  function expectMasked(errors: readonly object[] | undefined, cause: string): void {
    expect(errors).toMatchObject([
      {
        message: expect.stringMatching(/^Something went wrong on our side\. Its id in the log is .+\.$/) as string,
        extensions: { code: 'INTERNAL_SERVER_ERROR' },
      },
    ]);
    const { message } = errors![0] as Error;
    const logged = lines.filter(({ errorId }) => errorId !== undefined && message.includes(errorId));
    expect(logged).toMatchObject([
      { msg: 'a request failed', err: { message: expect.stringContaining(cause) as string } },
    ]);
    expect(JSON.stringify(errors)).not.toContain(cause);
  }

  it('an internal error is masked, and the subscription goes on', async () => {
    const course = await addCourse(live.api.database, { instructor: await addUser(live.api.database, Role.TEACHER) });
    const client = subscribe({
      query:
        'subscription { courseCountsChanged { courseId course { totalEnrollments activeEnrollments instructor { name } } } }',
    });
    await client.counts();
    await bypassCounters(live.api.database, 'alter table core_user rename to hidden_away');
    await bypassCounters(live.api.database, `update core_course set total_enrollments = 2 where id = ${course}`);
    await clock.tick();
    expectMasked((await client.next()).errors, 'core_user');
    await bypassCounters(live.api.database, 'alter table hidden_away rename to core_user');
    await bypassCounters(live.api.database, `update core_course set total_enrollments = 3 where id = ${course}`);
    await clock.tick();
    expect(await client.counts()).toEqual([course, 3, 0]);
    client.close();
  });

  it('an internal error is masked when the subscription cannot begin', async () => {
    await bypassCounters(live.api.database, 'alter table core_course rename to hidden_away');
    const client = subscribe();
    const errors = await client.next().then(
      message => message.errors,
      (thrown: unknown) => thrown as object[],
    );
    expectMasked(errors, 'core_course');
    client.close();
    await bypassCounters(live.api.database, 'alter table hidden_away rename to core_course');
    expect(clock.isAwaited).toBe(false);
  });

  it('a field that an anonymous viewer may not see leaves the connection open', async () => {
    const course = await addCourse(live.api.database);
    const client = subscribe({
      query:
        'subscription { courseCountsChanged { courseId course { totalEnrollments activeEnrollments enrollments { totalCount } } } }',
    });
    expect((await client.next()).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    await bypassCounters(live.api.database, `update core_course set total_enrollments = 3 where id = ${course}`);
    await clock.tick();
    expect([(await client.next()).errors, client.connections]).toMatchObject([
      [{ extensions: { code: 'UNAUTHENTICATED' } }],
      1,
    ]);
    client.close();
  });

  it('an error of a look is logged once and sent to nobody, and the changes meanwhile arrive when looking succeeds', async () => {
    const course = await addCourse(live.api.database);
    const client = subscribe({ courseIds: [course] });
    await client.counts();
    await bypassCounters(live.api.database, 'alter table core_course rename to hidden_away');
    for (let looks = 0; looks < 3; looks += 1) await clock.tick();
    await bypassCounters(live.api.database, `update hidden_away set total_enrollments = 3 where id = ${course}`);
    await bypassCounters(live.api.database, 'alter table hidden_away rename to core_course');
    await clock.tick();
    expect(await client.counts()).toEqual([course, 3, 0]);
    expect(lines.map(({ msg }) => msg).filter(msg => msg.startsWith('live counts'))).toEqual([
      'live counts cannot be read; subscribers wait until they can be',
      'live counts can be read again',
    ]);
    client.close();
  });
});
