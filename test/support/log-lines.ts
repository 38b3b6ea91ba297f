import type { Logger } from 'pino';
import type { Config } from '../../src/config/config.js';
import { serverLogger } from '../../src/http/observability/logger.js';
import { waitUntil } from './wait.js';

/** One line of a server's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: number; readonly msg: string };

/** The logger of a server, whose output is kept. */
export interface KeptLog {
  readonly logger: Logger;
  /** Returns the whole output. */
  readonly text: () => string;
  readonly lines: () => LogLine[];
  /** Returns the lines with the message "request", once there are this many of them. */
  readonly requests: (count: number) => Promise<LogLine[]>;
  /** Returns the first line that meets a condition, of all that were or will be written. */
  readonly until: (wanted: (line: LogLine) => boolean) => Promise<LogLine>;
  readonly clear: () => void;
}

/** Returns the server's own logger with its output kept. */
export function keptLog(level: Config['logLevel'] = 'info'): KeptLog {
  let text = '';
  let parsed: LogLine[] = [];
  let parsedLength = 0;
  // Each whole line is parsed once, for waits look at the lines again and again.
  const lines = (): LogLine[] => {
    const end = text.lastIndexOf('\n') + 1;
    for (const line of text.slice(parsedLength, end).split('\n'))
      if (line !== '') parsed.push(JSON.parse(line) as LogLine);
    parsedLength = end;
    return [...parsed];
  };
  return {
    logger: serverLogger(level, { write: (line: string) => void (text += line) }),
    text: () => text,
    lines,
    async requests(count) {
      const found = (): LogLine[] => lines().filter(({ msg }) => msg === 'request');
      // The line is written when the answer is sent, which the client may see earlier.
      await waitUntil(() => found().length >= count, `The log has no ${count} requests.`);
      return found();
    },
    async until(wanted) {
      await waitUntil(() => lines().some(wanted), 'The log has no such line.');
      return lines().find(wanted)!;
    },
    clear() {
      [text, parsed, parsedLength] = ['', [], 0];
    },
  };
}
