import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../../config/config.js';
import { batchedOutput } from './batched-output.js';
import { withoutSecrets } from './redaction.js';

/**
 * Returns the server's logger. It writes lines of JSON to standard output, or to another destination, with tokens and
 * email addresses removed.
 */
export function serverLogger(level: Config['logLevel'], destination?: DestinationStream): Logger {
  const options = { level, hooks: { streamWrite: withoutSecrets } };
  return pino(options, destination ?? batchedOutput());
}
