import type { Source } from '../../src/tools/import/source.js';

/** Returns a text as a file to import, which is read in chunks with arbitrary ends. */
export function textSource(text: string | Buffer, chunk = 1000): Source {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return {
    name: 'FILE.csv',
    bytes: bytes.length,
    async *open() {
      for (let start = 0; start < bytes.length; start += chunk)
        yield await Promise.resolve(bytes.subarray(start, start + chunk));
    },
  };
}
