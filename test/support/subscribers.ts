import { SendQueue, type Subscriber } from '../../src/live-counts/index.js';

/** Returns a subscriber by server-sent events, without a token, that takes messages at any time. */
export function subscriberAt(address = '192.0.2.1'): Subscriber {
  return {
    protocol: 'sse',
    viewer: null,
    address,
    expiresAt: null,
    sendQueue: new SendQueue(() => Promise.resolve()),
    gone: new AbortController().signal,
  };
}
