import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

/**
 * Returns a port of the loopback that no other program is given until this process ends: a connection stays open there,
 * and the system gives a port that is in use to nobody who asks for any. A server may listen on it by its number; while
 * none does, a new connection is refused.
 */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const holder = connect(port, '127.0.0.1');
  const [[held]] = (await Promise.all([once(listener, 'connection'), once(holder, 'connect')])) as [
    [typeof holder],
    [],
  ];
  for (const socket of [holder, held]) socket.unref();
  listener.close();
  return port;
}
