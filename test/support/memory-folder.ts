import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

/** The folder in which Linux keeps files in memory. */
const MEMORY = '/dev/shm';
/** The space that all tests together may need there, in bytes. */
const MIN_FREE_BYTES = 4 * 2 ** 30;

/**
 * Makes this process, and those that it starts, put temporary files into memory if there is room, and returns a
 * function that undoes that. SQLite waits for the disk at each commit, which only a power cut makes necessary, and no
 * test causes one. A TMPDIR that is set is left as it is.
 */
export function useMemoryForFiles(): () => void {
  if (process.env['TMPDIR'] || freeBytes() < MIN_FREE_BYTES) return () => undefined;
  const folder = mkdtempSync(join(MEMORY, 'rollcall-'));
  // PostgreSQL's own user must reach its folder there.
  chmodSync(folder, 0o711);
  process.env['TMPDIR'] = folder;
  return () => {
    delete process.env['TMPDIR'];
    rmSync(folder, { recursive: true, force: true });
  };
}

function freeBytes(): number {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize;
  } catch {
    // There is no such folder on other systems.
    return 0;
  }
}
