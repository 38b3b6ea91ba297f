import { connect, createServer, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

/** A TCP proxy before a database server that can break a connection at a chosen statement. */
export interface BreakingProxy {
  readonly port: number;
  /** Breaks the connection at the next COMMIT: before the server sees it, or when the server has answered it. */
  readonly breakAtCommit: (moment: 'before' | 'after') => void;
  /**
   * Keeps the next COMMIT from the server, or its answer from the client; resolves then, with a function that
   * releases it.
   */
  readonly holdAtCommit: (moment?: 'before' | 'after') => Promise<() => void>;
  /** Breaks each new connection at once, and leaves existing ones alone. */
  readonly refuseNew: () => void;
  /** Breaks every connection at the next COMMIT, before the server sees it, and rejects new ones; resolves then. */
  readonly goAtCommit: () => Promise<void>;
  /** Passes the next COMMIT and its answer, and then nothing more: it breaks every connection, old or new. */
  readonly goAfterCommit: () => void;
  /** Passes nothing any more, and breaks nothing either, as if the server's machine had vanished. */
  readonly freeze: () => void;
  /** Passes the next COMMIT and its answer, and then nothing more, as if the server's machine had vanished. */
  readonly freezeAfterCommit: () => void;
  /** Breaks every connection at once and the next new one too, and accepts those after it again. */
  readonly breakAll: () => void;
  /** How many connections were broken. */
  readonly broken: number;
  /** How many connections were accepted. */
  readonly accepted: number;
  readonly close: () => Promise<void>;
}

/**
 * Returns whether a packet is the text query `commit`: MySQL's command 3, with two bytes of attributes before the text, or
 * PostgreSQL's message Q.
 */
function isCommit(packet: Buffer): boolean {
  if (packet[0] === 0x51) return packet.subarray(5).toString() === 'commit\0';
  return packet[4] === 3 && packet.length <= 13 && packet.subarray(-6).toString() === 'commit';
}

/** Starts a proxy on a port of the loopback interface, by default one that nobody has when the proxy is closed. */
export async function startBreakingProxy(serverPort: number, ownPort?: number): Promise<BreakingProxy> {
  const port = ownPort ?? (await freePort());
  let moment: 'before' | 'after' | null = null;
  let broken = 0;
  let accepted = 0;
  let going = false;
  let leave: (() => void) | null = null;
  let frozen = false;
  let refusing = false;
  let freezing = false;
  let holding: { moment: 'before' | 'after'; held: (release: () => void) => void } | null = null;
  const sockets = new Set<Socket>();
  const proxy = createServer(client => {
    if (refusing) {
      client.destroy();
      return;
    }
    accepted += 1;
    const server = connect({ host: '127.0.0.1', port: serverPort });
    for (const socket of [client, server]) {
      sockets.add(socket);
      // This proxy breaks connections on purpose; each side notices by its own end.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    const cut = (): void => {
      broken += 1;
      client.destroy();
      server.destroy();
    };
    let cutAtAnswer = false;
    let goAtAnswer = false;
    let freezeAtAnswer = false;
    let holdAnswer: ((release: () => void) => void) | null = null;
    client.on('data', data => {
      if (frozen) return;
      if (leave && isCommit(data)) {
        leave();
        proxy.close();
        sockets.forEach(socket => socket.destroy());
        return;
      }
      const wanted = moment !== null && isCommit(data);
      if (wanted && moment === 'before') {
        moment = null;
        cut();
        return;
      }
      if (wanted) {
        moment = null;
        cutAtAnswer = true;
      }
      if (going && isCommit(data)) goAtAnswer = true;
      if (freezing && isCommit(data)) freezeAtAnswer = true;
      if (holding && isCommit(data)) {
        const { moment: at, held } = holding;
        holding = null;
        if (at === 'before') {
          held(() => server.write(data));
          return;
        }
        holdAnswer = held;
      }
      server.write(data);
    });
    server.on('data', data => {
      if (frozen) return;
      if (freezeAtAnswer) {
        frozen = true;
        client.write(data);
      } else if (holdAnswer) holdAnswer(() => client.write(data));
      else if (cutAtAnswer) cut();
      else if (goAtAnswer) {
        proxy.close();
        client.end(data, () => sockets.forEach(socket => socket.destroy()));
      } else client.write(data);
    });
    client.on('end', () => server.end());
    server.on('end', () => client.end());
  });
  await new Promise<void>(resolve => proxy.listen(port, '127.0.0.1', resolve));
  return {
    port,
    breakAtCommit(at) {
      moment = at;
    },
    holdAtCommit: (at = 'before') => new Promise(held => (holding = { moment: at, held })),
    refuseNew() {
      refusing = true;
    },
    goAtCommit: () => new Promise(resolve => (leave = resolve)),
    goAfterCommit() {
      going = true;
    },
    freeze() {
      frozen = true;
    },
    freezeAfterCommit() {
      freezing = true;
    },
    breakAll() {
      broken += sockets.size / 2;
      for (const socket of sockets) socket.destroy();
      proxy.once('connection', client => client.destroy());
    },
    get accepted() {
      return accepted;
    },
    get broken() {
      return broken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      if (proxy.listening) await new Promise(resolve => proxy.close(resolve));
    },
  };
}
