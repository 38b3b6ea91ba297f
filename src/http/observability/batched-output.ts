import { pino, type DestinationStream } from 'pino';

/** The most characters that wait to be written; beyond them, they are written at once. */
const MAX_WAITING_LENGTH = 65_536;

/**
 * Returns standard output as a destination of a log that writes the lines of one turn of the event loop together: a
 * write for each line took an eighth of the time of a page. Nothing is kept for longer than that turn, and what a process
 * logs in its last one is written when it ends.
 */
export function batchedOutput(): DestinationStream {
  // Not by its own buffer: emptying that waits until the disk has the lines.
  const output = pino.destination({ fd: 1, sync: true });
  let waiting = '';
  let isPlanned = false;
  const write = (): void => {
    const lines = waiting;
    waiting = '';
    if (lines !== '') output.write(lines);
  };
  process.once('exit', write);
  return {
    write(line) {
      waiting += line;
      if (waiting.length > MAX_WAITING_LENGTH) write();
      if (isPlanned) return;
      isPlanned = true;
      setImmediate(() => {
        isPlanned = false;
        write();
      });
    },
  };
}
