import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { all, compile } from '@fastify/proxy-addr';
import ipaddr from 'ipaddr.js';
import type { TrustProxy } from '../../config/config-values.js';

/**
 * Returns true where the sender with an address, so many hops from this server, is a proxy whose X-Forwarded-* headers
 * are believed.
 */
export type ProxyTrust = (address: string, hop: number) => boolean;

/**
 * Returns the address of a request's client in the form by which limits count: an IPv4 address, or the network of an
 * IPv6 one.
 */
export type ClientAddressOf = (request: IncomingMessage) => string;

/** The address of a client whose connection is closed already. */
const UNKNOWN = 'unknown';

/**
 * The size of the network of one IPv6 customer, in groups of 16 bits: a /64, within which a client takes any address
 * that it likes.
 */
const NETWORK_GROUPS = 4;

/** Matches an address with a port, as some proxies write it: 192.0.2.7:50123, [2001:db8::7]:50123. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/;

/** Returns the rule for Fastify's option `trustProxy` and for `clientAddresses`; false: no proxy is believed. */
export function proxyTrust(trustProxy: TrustProxy): ProxyTrust | false {
  if (trustProxy === false) return false;
  if (trustProxy === true) return () => true;
  // Not by handing Fastify the number: from 5.12 on it believes no proxy at all by a number.
  if (typeof trustProxy === 'number') return (_address, hop) => hop < trustProxy;
  return compile([...trustProxy]);
}

/**
 * Returns the function that finds the address of a request's client, whether the request is one of HTTP or asks for a
 * WebSocket.
 *
 * Where a proxy is believed, it is the last address that no trusted proxy has; text that is no address is passed over
 * for that of the proxy which sent it, so that a client cannot make up as many names for itself as it likes.
 */
export function clientAddresses(trust: ProxyTrust | false): ClientAddressOf {
  return request => {
    const addresses: readonly (string | undefined)[] = trust ? all(request, trust) : [request.socket.remoteAddress];
    return addresses.map(networkOf).findLast(network => network !== null) ?? UNKNOWN;
  };
}

/**
 * Returns an IPv4 address as it is, an IPv4 address within an IPv6 one as IPv4, and of other IPv6 addresses the
 * network; null: the text is no address.
 */
function networkOf(text: string | undefined): string | null {
  const address = addressIn(text);
  if (address === null) return null;
  if (address.kind() === 'ipv4') return address.toString();
  const { parts } = address as ipaddr.IPv6;
  // Translators (NAT64, SIIT) put the IPv4 address at the end; by its /64, the whole Internet of IPv4 would be one
  // client.
  if (['ipv4Mapped', 'rfc6052', 'rfc6145'].includes(address.range()))
    return new ipaddr.IPv4(parts.slice(-2).flatMap(part => [part >> 8, part & 0xff])).toString();
  const network = [...parts.slice(0, NETWORK_GROUPS), ...parts.slice(NETWORK_GROUPS).fill(0)];
  return `${new ipaddr.IPv6(network).toRFC5952String()}/${NETWORK_GROUPS * 16}`;
}

function addressIn(text = ''): ipaddr.IPv4 | ipaddr.IPv6 | null {
  // The library also takes 1, 0x7f.1 and 010.0.0.1 for addresses.
  if (isIP(text)) return ipaddr.parse(text);
  const [, inBrackets, plain] = WITH_PORT.exec(text) ?? [];
  const bare = inBrackets ?? plain ?? '';
  return isIP(bare) ? ipaddr.parse(bare) : null;
}
