import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { all, compile } from '@fastify/proxy-addr';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import type { TrustProxy } from '../../config/config-values.js';

/**
 * Returns true if the sender at an address, a number of hops away from this server, is a proxy whose X-Forwarded-*
 * headers are trusted.
 */
export type ProxyTrust = (address: string, hop: number) => boolean;

/**
 * Returns the address of a request's client in the form that limits use: an IPv4 address, or the network of an IPv6
 * address.
 */
export type ClientAddressOf = (request: IncomingMessage) => string;

/** The address of a client whose connection has closed already. */
const UNKNOWN_ADDRESS = 'unknown';

/** The size of one IPv6 customer's network, in groups of 16 bits: a /64, in which a client can choose any address. */
const NETWORK_GROUPS = 4;

/** The most texts whose networks are remembered, and the longest one, in characters. */
const MAX_REMEMBERED_TEXTS = 1000;
const MAX_REMEMBERED_LENGTH = 64;

/** An address with a port, as some proxies write it: 192.0.2.7:50123, [2001:db8::7]:50123. */
const ADDRESS_WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/;

/** Returns the rule for Fastify's option `trustProxy` and for `clientAddresses`; false if no proxy is trusted. */
export function proxyTrust(trustProxy: TrustProxy): ProxyTrust | false {
  if (trustProxy === false) return false;
  if (trustProxy === true) return () => true;
  // The number is not passed to Fastify, which from 5.12 on trusts no proxy at all if it is given one.
  if (typeof trustProxy === 'number') return (_address, hop) => hop < trustProxy;
  return compile([...trustProxy]);
}

/**
 * Returns the function that finds the address of a request's client, for HTTP requests and WebSocket handshakes.
 *
 * Behind trusted proxies it is the last address that does not belong to one of them. Text that is not an address is
 * skipped in favour of the address of the proxy that sent it, so that a client cannot invent names for itself.
 */
export function clientAddresses(trust: ProxyTrust | false): ClientAddressOf {
  const remembered = new LRUCache<string, string>({ max: MAX_REMEMBERED_TEXTS });
  const network = (text = ''): string | null => {
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const found = networkOf(text);
    if (found !== null && text.length <= MAX_REMEMBERED_LENGTH) remembered.set(text, found);
    return found;
  };
  return request => {
    const addresses: readonly (string | undefined)[] = trust ? all(request, trust) : [request.socket.remoteAddress];
    return addresses.map(network).findLast(found => found !== null) ?? UNKNOWN_ADDRESS;
  };
}

/**
 * Returns an IPv4 address as it is, an IPv4 address embedded in an IPv6 address as IPv4, and of any other IPv6 address
 * the network; null if the text is not an address.
 */
function networkOf(text: string): string | null {
  const address = addressIn(text);
  if (address === null) return null;
  if (address.kind() === 'ipv4') return address.toString();
  const { parts } = address as ipaddr.IPv6;
  // Translators (NAT64, SIIT) put the IPv4 address at the end; by the /64, all of the IPv4 Internet would be one
  // client.
  if (['ipv4Mapped', 'rfc6052', 'rfc6145'].includes(address.range()))
    return new ipaddr.IPv4(parts.slice(-2).flatMap(part => [part >> 8, part & 0xff])).toString();
  const network = [...parts.slice(0, NETWORK_GROUPS), ...parts.slice(NETWORK_GROUPS).fill(0)];
  return `${new ipaddr.IPv6(network).toRFC5952String()}/${NETWORK_GROUPS * 16}`;
}

function addressIn(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  // The library also accepts 1, 0x7f.1 and 010.0.0.1 as addresses.
  if (isIP(text)) return ipaddr.parse(text);
  const [, inBrackets, plain] = ADDRESS_WITH_PORT.exec(text) ?? [];
  const bare = inBrackets ?? plain ?? '';
  return isIP(bare) ? ipaddr.parse(bare) : null;
}
