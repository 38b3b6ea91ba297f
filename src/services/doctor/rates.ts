import { Redis } from 'ioredis';
import type { Config } from '../../config.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** Examines the limits of rates: whose address they count, and that the Redis which counts for all servers answers. */
export async function examineRates({ trustProxy, rateLimits }: Pick<Config, 'trustProxy' | 'rateLimits'>, limit: number): Promise<Finding[]> {
  if (rateLimits === null) return [warning('RATE_LIMIT is off, so one client can take all of the server.', 'Leave it out, or set what each address may use.')];
  return [proxyFinding(trustProxy), ...(rateLimits.redisUrl === null ? [] : [await redisFinding(rateLimits.redisUrl, limit)])];
}

/** Returns what is believed of proxies; whether there is one cannot be seen from here. */
function proxyFinding(trustProxy: Config['trustProxy']): Finding {
  if (trustProxy === true) return warning('TRUST_PROXY is on: unless the first proxy replaces X-Forwarded-For, each client gives itself any address, and no limit holds.', 'Name the addresses of the proxies, or their number.');
  if (trustProxy === false) return ok('Limits count the addresses of connections; behind a proxy, set TRUST_PROXY, or all its clients count as one.');
  const proxies = typeof trustProxy === 'number' ? `so many proxies as TRUST_PROXY says (${trustProxy})` : `the proxies ${trustProxy.join(', ')}`;
  return ok(`Limits count the addresses that ${proxies} report in X-Forwarded-For.`);
}

async function redisFinding(url: string, limit: number): Promise<Finding> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: limit, commandTimeout: limit, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  let reason: string | null = null;
  // Only the words of an error are told: that of a command carries its arguments, the password among them.
  client.on('error', ({ code, message }: NodeJS.ErrnoException) => (reason ??= code ?? message));
  try {
    await client.connect();
    await client.ping();
    return ok('Redis answers, so all servers count the points of clients together.');
  } catch (error) {
    return failed(`Redis does not answer: ${reason ?? (error as Error).message}. Requests pass without a limit on their rate.`, 'Start it, or correct RATE_LIMIT_REDIS_URL; without that variable each server counts by itself.');
  } finally {
    client.disconnect();
  }
}
