import { Outlet, type Listener } from '../../src/live-counts/index.js';

/** Gives somebody who listens by events without a token, and takes messages at any time. */
export function listenerAt(address = '192.0.2.1'): Listener {
  return {
    protocol: 'sse',
    viewer: null,
    address,
    expiresAt: null,
    outlet: new Outlet(() => Promise.resolve()),
    gone: new AbortController().signal,
  };
}
