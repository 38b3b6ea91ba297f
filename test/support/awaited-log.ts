import { pino, type Logger } from 'pino';

/** Is one line of a log, as programs read it. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Keeps what is logged. */
export interface LogLines {
  readonly logger: Logger;
  readonly lines: readonly LogLine[];
  /** Gives the first line, of all that were or will be written, that is as wanted. */
  until(wanted: (line: LogLine) => boolean): Promise<LogLine>;
}

/** Gives a logger that keeps its lines. */
export function keptLog(): LogLines {
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  const write = (text: string): void => {
    lines.push(JSON.parse(text) as LogLine);
    for (const look of waiting) look();
  };
  const until: LogLines['until'] = wanted =>
    new Promise(found => {
      const look = (): void => {
        const line = lines.find(wanted);
        if (!line) return;
        waiting.delete(look);
        found(line);
      };
      waiting.add(look);
      look();
    });
  return { logger: pino({ level: 'info' }, { write }), lines, until };
}
