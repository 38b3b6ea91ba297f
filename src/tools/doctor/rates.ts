import type { Config } from '../../config/config.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** Examines the limits of rates: whose address they count, and that the Redis which counts for all servers answers. */
export async function examineRates(
  { trustProxy, rateLimits }: Pick<Config, 'trustProxy' | 'rateLimits'>,
  limit: number,
  apiUrl = '',
): Promise<Finding[]> {
  if (rateLimits === null)
    return [
      warning(
        'RATE_LIMIT is off, so one client can take all of the server.',
        'Leave it out, or set what each address may use.',
      ),
    ];
  const { address, viewer, redisUrl } = rateLimits;
  const amounts = `An address has ${address.points} points for ${address.seconds} s, a viewer ${viewer.points} for ${viewer.seconds} s`;
  const place =
    redisUrl === null
      ? ok(`${amounts}, at each server; several servers count them together with RATE_LIMIT_REDIS_URL.`)
      : await redisFinding(redisUrl, limit, amounts);
  return [proxyFinding(trustProxy, apiUrl), place];
}

/**
 * Returns what is believed of proxies; there is one where the server is asked by HTTPS, which it does not speak itself.
 */
function proxyFinding(trustProxy: Config['trustProxy'], apiUrl: string): Finding {
  if (trustProxy === false && apiUrl.startsWith('https:'))
    return warning(
      'The server is asked by HTTPS, so there is a proxy before it, and TRUST_PROXY is off: all clients have the limits of one address.',
      'Name the addresses of the proxies in TRUST_PROXY, or their number.',
    );
  if (trustProxy === true)
    return warning(
      'TRUST_PROXY is on: unless the first proxy replaces X-Forwarded-For, each client gives itself any address, and no limit holds.',
      'Name the addresses of the proxies, or their number.',
    );
  if (trustProxy === false)
    return ok(
      'Limits count the addresses of connections; behind a proxy, set TRUST_PROXY, or all its clients count as one.',
    );
  const proxies =
    typeof trustProxy === 'number'
      ? `so many proxies as TRUST_PROXY says (${trustProxy})`
      : `the proxies ${trustProxy.join(', ')}`;
  return ok(`Limits count the addresses that ${proxies} report in X-Forwarded-For.`);
}

async function redisFinding(url: string, limit: number, amounts: string): Promise<Finding> {
  // Loaded only where there is a Redis, because it is most of what the doctor would load otherwise.
  const { Redis } = await import('ioredis');
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: limit,
    commandTimeout: limit,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let reason: string | null = null;
  // Only the words of an error are told: that of a command carries its arguments, the password among them.
  client.on('error', ({ code, message }: NodeJS.ErrnoException) => (reason ??= code ?? message));
  try {
    await client.connect();
    await client.ping();
    return ok(`${amounts}, at all servers together: Redis answers.`);
  } catch (error) {
    return failed(
      `Redis does not answer: ${reason ?? (error as Error).message}. Requests pass without a limit on their rate.`,
      'Start it, or correct RATE_LIMIT_REDIS_URL; without that variable each server counts by itself.',
    );
  } finally {
    client.disconnect();
  }
}
