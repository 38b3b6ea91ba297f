import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { ViewerQueues } from '../../src/access/viewer-queues.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { addCourses } from '../support/rows.js';

describe('long work', () => {
  const [one, other] = [1, 2].map(userId => ({ userId, role: Role.ADMIN }));

  it('long work runs one after the other for each viewer, in order, and beside that of other viewers', async () => {
    const turns = new ViewerQueues();
    const told: string[] = [];
    const first = Promise.withResolvers<void>();
    const begun = turns.do(one!, async () => {
      told.push('first');
      await first.promise;
    });
    const second = turns.do(one!, () => Promise.resolve(told.push('second')));
    await turns.do(other!, () => Promise.resolve(told.push("somebody else's")));
    first.resolve();
    await Promise.all([begun, second]);
    expect(told).toEqual(['first', "somebody else's", 'second']);
  });

  it('long work that fails lets the next have its turn', async () => {
    const turns = new ViewerQueues();
    const failing = turns.do(one!, () => Promise.reject(new Error('It fails.')));
    const next = turns.do(one!, () => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('It fails.');
    expect(await next).toBe('done');
  });
});

describe('verifications through the API', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite');
    await addCourses(api.database, [{}, {}, {}]);
  });
  afterAll(() => api.stop());

  it('verifications through the API wait for each other and are all answered', async () => {
    const token = await api.token(Role.ADMIN, await addUser(api.database, Role.ADMIN));
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        api.send(token, 'mutation { verifyEnrollmentCounts { ok checked userErrors { code } } }'),
      ),
    );
    for (const { data } of answers)
      expect(data.verifyEnrollmentCounts).toEqual({ ok: true, checked: 3, userErrors: [] });
  });
});
