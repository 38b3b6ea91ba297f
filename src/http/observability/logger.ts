import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../../config/config.js';
import { withoutSecrets } from './redaction.js';

/**
 * Gives the server's logger: lines of JSON on standard output, or elsewhere, none with a token or an email address in
 * it.
 */
export function serverLogger(level: Config['logLevel'], destination?: DestinationStream): Logger {
  const options = { level, hooks: { streamWrite: withoutSecrets } };
  return destination ? pino(options, destination) : pino(options);
}
