import type { ErrorRow } from './fault.js';

/** The codes of the network, as the drivers of servers pass them on. */
export const networkErrors: readonly ErrorRow<string>[] = [
  ['ECONNREFUSED', 'nothing listens there', 'disconnected'],
  ['ECONNRESET', 'the other side has cut the connection', 'disconnected'],
  ['ECONNABORTED', 'this side has cut the connection', 'disconnected'],
  ['EPIPE', 'the other side does not read any more', 'disconnected'],
  ['ETIMEDOUT', 'the other side does not answer', 'disconnected'],
  ['EHOSTUNREACH', 'there is no route to the host', 'disconnected'],
  ['EHOSTDOWN', 'the host is down', 'disconnected'],
  ['ENETUNREACH', 'there is no route to the network', 'disconnected'],
  ['ENETDOWN', 'the network is down', 'disconnected'],
  ['ENETRESET', 'the network has cut the connection', 'disconnected'],
  ['ENOTFOUND', 'the name of the host is unknown', 'disconnected'],
  ['EAI_AGAIN', 'the name of the host cannot be looked up now', 'disconnected'],
  ['EADDRNOTAVAIL', 'this machine has no port left for a connection', 'disconnected'],
  ['EMFILE', 'this process cannot open more files', 'disconnected'],
  ['ENFILE', 'this machine cannot open more files', 'disconnected'],
];
