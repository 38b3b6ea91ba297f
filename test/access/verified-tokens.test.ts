import { describe, expect, it } from 'vitest';
import { VerifiedTokens } from '../../src/access/verified-tokens.js';
import { Role } from '../../src/entities/index.js';

const claims = { userId: 1, role: Role.STUDENT };

describe('a token that was verified before', () => {
  it('a verified token is accepted until it expires, and not at that moment', () => {
    let now = 1000;
    const tokens = new VerifiedTokens(
      () => 'keys',
      () => now,
    );
    tokens.remember('token', claims, 2000, 'keys');
    expect(tokens.claimsOf('token')).toEqual(claims);
    now = 1999;
    expect(tokens.claimsOf('token')).toEqual(claims);
    now = 2000;
    expect(tokens.claimsOf('token')).toBeUndefined();
    now = 1999;
    expect(tokens.claimsOf('token')).toBeUndefined();
  });

  it('a verified token is not accepted with other keys, nor while the keys must be looked at again', () => {
    let keys: unknown = 'old';
    const tokens = new VerifiedTokens(() => keys);
    const remember = (): void => tokens.remember('token', claims, Infinity, 'old');
    remember();
    expect(tokens.claimsOf('token')).toEqual(claims);
    keys = 'new';
    expect(tokens.claimsOf('token')).toBeUndefined();
    keys = null;
    remember();
    expect(tokens.claimsOf('token')).toBeUndefined();
  });

  it('a verified token is not remembered if the keys were in doubt while it was verified', () => {
    const tokens = new VerifiedTokens(() => 'keys');
    tokens.remember('token', claims, Infinity, null);
    expect(tokens.claimsOf('token')).toBeUndefined();
  });
});
