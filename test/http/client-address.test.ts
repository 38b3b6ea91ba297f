import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { clientAddresses, proxyTrust, type ClientAddressOf } from '../../src/http/limits/client-address.js';

describe('the address by which limits count', () => {
  let server: Server;
  let addressOf: ClientAddressOf;

  /**
   * Returns the address by which a server with this TRUST_PROXY counts a request from the loopback with these values of
   * X-Forwarded-For.
   */
  async function counted(
    trustProxy: string,
    forwardedFor: string | string[] = [],
    headers: Record<string, string> = {},
  ): Promise<string> {
    addressOf = clientAddresses(proxyTrust(readConfig({ TRUST_PROXY: trustProxy }).trustProxy));
    const { port } = server.address() as { port: number };
    const sent = request({ host: '127.0.0.1', port, headers: { ...headers, 'x-forwarded-for': forwardedFor } }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    return String(answer.headers['x-counted']);
  }

  beforeAll(async () => {
    server = createServer((incoming, answer) => answer.setHeader('x-counted', addressOf(incoming)).end());
    server.on('upgrade', (incoming, socket) =>
      socket.end(`HTTP/1.1 426 Upgrade Required\r\nx-counted: ${addressOf(incoming)}\r\nconnection: close\r\n\r\n`),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => {
    server.close();
  });

  it('the address of a client is that of the connection if no proxy is trusted, whatever X-Forwarded-For says', async () => {
    expect(await counted('off')).toBe('127.0.0.1');
    expect(await counted('off', '203.0.113.7')).toBe('127.0.0.1');
    expect(await counted('10.0.0.0/8', '203.0.113.7')).toBe('127.0.0.1');
  });

  it('the address of a client is the one that the last trusted proxy has written, by number, by address and by name', async () => {
    const forged = '198.51.100.1, 203.0.113.7, 10.0.0.5';
    expect(await counted('1', forged)).toBe('10.0.0.5');
    expect(await counted('2', forged)).toBe('203.0.113.7');
    expect(await counted('127.0.0.1', forged)).toBe('10.0.0.5');
    expect(await counted('loopback, 10.0.0.0/8', forged)).toBe('203.0.113.7');
    expect(await counted('on', forged)).toBe('198.51.100.1');
  });

  it('a client that comes again, among others, has the address that it had before', () => {
    const same = clientAddresses(false);
    const from = (remoteAddress: string): string => same({ socket: { remoteAddress } } as IncomingMessage);
    const clients = ['192.0.2.7', '192.0.2.77', '::ffff:192.0.2.8', '2001:db8:1:2:3::4', 'not an address'];
    const addresses = ['192.0.2.7', '192.0.2.77', '192.0.2.8', '2001:db8:1:2::/64', 'unknown'];
    expect([...clients, ...clients].map(from)).toEqual([...addresses, ...addresses]);
  });

  it('the address of a client is the same if each proxy writes its own header', async () => {
    expect(await counted('2', ['203.0.113.7', '10.0.0.5'])).toBe('203.0.113.7');
  });

  it('the address of a client is that of the proxy if fewer proxies have written than are trusted', async () => {
    expect(await counted('3', '203.0.113.7')).toBe('203.0.113.7');
    expect(await counted('3')).toBe('127.0.0.1');
  });

  it('the address of a client is found in the request for a WebSocket too', async () => {
    expect(await counted('1', '203.0.113.7', { connection: 'upgrade', upgrade: 'websocket' })).toBe('203.0.113.7');
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::ffff', '2001:db8:1:2::/64'],
    ['2001:DB8:1:3::1', '2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::/64'],
  ])('the address of a client is the /64 of an IPv6 address (%s)', async (address, network) => {
    expect(await counted('1', address)).toBe(network);
  });

  it.each(['::ffff:203.0.113.7', '::ffff:cb00:7107', '64:ff9b::203.0.113.7', '::ffff:0:203.0.113.7'])(
    'the address of a client is the IPv4 address within an IPv6 one (%s)',
    async address => {
      expect(await counted('1', address)).toBe('203.0.113.7');
    },
  );

  it.each([
    ['203.0.113.7:50123', '203.0.113.7'],
    ['[2001:db8:1:2::7]:50123', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::7]', '2001:db8:1:2::/64'],
  ])('the address of a client is read without the port that some proxies add (%s)', async (address, bare) => {
    expect(await counted('1', address)).toBe(bare);
  });

  it.each(['unknown', '_hidden', '1', '0x7f.1', '999.1.1.1', '<script>', '10.0.0.5;by=x', 'a'.repeat(4000)])(
    'the address of a client is that of the proxy if the text is not an address (%s)',
    async text => {
      expect(await counted('1', text)).toBe('127.0.0.1');
      expect(await counted('on', `${text}, 10.0.0.5`)).toBe('10.0.0.5');
    },
  );
});
