import { describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addUser } from '../support/api.js';
import {
  sendFrom,
  costOf,
  exhaust,
  JSON_BODY,
  remainingPoints,
  newAddress,
  type Options,
  POINTS,
  start,
} from '../support/rates.js';

describe('the rate limit of a viewer', () => {
  it('the rate limit of a viewer holds from any address, and leaves that of the address alone', async () => {
    const api = await start();
    const address = newAddress();
    const as = async (userId: number | null, role = Role.STUDENT): Promise<Options> => ({
      headers: { ...JSON_BODY, authorization: `Bearer ${await api.token(role, userId)}` },
    });
    const [oneId, otherId] = [await addUser(api.database, Role.STUDENT), await addUser(api.database, Role.STUDENT)];
    const [one, other, admin, anotherAdmin] = [
      await as(oneId),
      await as(otherId),
      await as(null, Role.ADMIN),
      await as(null, Role.ADMIN),
    ];
    for (const viewer of [one, admin]) {
      let answer: Response;
      do {
        answer = await sendFrom(api, newAddress(), viewer);
        expect(answer.headers.get('ratelimit-policy')).toBe(`"viewer";q=${POINTS};w=3600;qu="points"`);
      } while (answer.status === 200);
      expect((await sendFrom(api, newAddress(), viewer)).status).toBe(429);
    }
    expect((await sendFrom(api, newAddress(), anotherAdmin)).status).toBe(429);
    await exhaust(api, address);
    expect((await sendFrom(api, address, other)).status).toBe(200);
    expect((await sendFrom(api, newAddress(), await as(oneId))).status).toBe(429);
  });

  it('the rate limit of a viewer applies to verified viewers only: a forged token is charged to the address', async () => {
    const api = await start();
    const student = await addUser(api.database, Role.STUDENT);
    const stranger = await start({ env: { JWT_SECRET: 'a secret of a stranger, which this server does not know' } });
    const forged: Options = {
      headers: { ...JSON_BODY, authorization: `Bearer ${await stranger.token(Role.STUDENT, student)}` },
    };
    const address = newAddress();
    const answer = await sendFrom(api, address, forged);
    expect([answer.status, answer.headers.get('ratelimit-policy')]).toEqual([
      401,
      `"address";q=${POINTS};w=3600;qu="points"`,
    ]);
    await exhaust(api, address);
    expect((await sendFrom(api, address, forged)).status).toBe(429);
    const real: Options = {
      headers: { ...JSON_BODY, authorization: `Bearer ${await api.token(Role.STUDENT, student)}` },
    };
    expect(remainingPoints(await sendFrom(api, address, real))).toBe(POINTS - (await costOf(api)));
  });
});
