import { Outlet, type Listener } from '../../src/live-counts/index.js';

/** Returns an anonymous listener by server-sent events that always accepts messages. */
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
