import { writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';

type Write = WriteStream['write'];

/**
 * Writes to both outputs at once until the returned function is called, without their streams: Ctrl+C can end code of a
 * line in the middle of a write, after which a stream would keep all that follows to itself.
 */
export function writeDirectly(): () => void {
  const outputs = [process.stdout, process.stderr];
  const writes = outputs.map((output): Write => output.write.bind(output));
  for (const output of outputs) output.write = directWrite(output.fd);
  return () => {
    for (const [index, output] of outputs.entries()) output.write = writes[index]!;
  };
}

function directWrite(file: number): Write {
  return (text, ...rest: unknown[]) => {
    const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8';
    let left = typeof text === 'string' ? Buffer.from(text, encoding) : text;
    while (left.length > 0) left = left.subarray(written(file, left));
    const done = rest.find(one => typeof one === 'function') as (() => void) | undefined;
    if (done) process.nextTick(done);
    return true;
  };
}

/** Returns how many bytes were written; 0: the terminal takes none at this moment. */
function written(file: number, bytes: Uint8Array): number {
  try {
    return writeSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}
