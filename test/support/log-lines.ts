import type { Logger } from 'pino';
import type { Config } from '../../src/config/config.js';
import { serverLogger } from '../../src/http/observability/logger.js';
import { until } from './awaited.js';

/** Is one line of a server's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: number; readonly msg: string };

/** Is a server's own logger, whose output is kept. */
export interface KeptLog {
  readonly logger: Logger;
  /** Gives all that was written, as it was. */
  text(): string;
  lines(): LogLine[];
  /** Gives the lines that say "request", once there are so many of them. */
  requests(count: number): Promise<LogLine[]>;
  /** Gives the first line, of all that were or will be written, that is as wanted. */
  until(wanted: (line: LogLine) => boolean): Promise<LogLine>;
  clear(): void;
}

/** Gives the server's own logger with its output kept. */
export function keptLog(level: Config['logLevel'] = 'info'): KeptLog {
  let text = '';
  const lines = (): LogLine[] =>
    text
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as LogLine);
  return {
    logger: serverLogger(level, { write: (line: string) => void (text += line) }),
    text: () => text,
    lines,
    async requests(count) {
      const found = (): LogLine[] => lines().filter(({ msg }) => msg === 'request');
      // The line comes when the answer has gone out, which the client may see sooner.
      await until(() => found().length >= count, `The log has no ${count} requests.`);
      return found();
    },
    async until(wanted) {
      await until(() => lines().some(wanted), 'The log has no such line.');
      return lines().find(wanted)!;
    },
    clear: () => void (text = ''),
  };
}
