import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Profiler as V8 } from 'node:inspector';
import { fileURLToPath } from 'node:url';

/** What a contestant is told: to begin a profile (null), or to end it and write it to a file. */
export interface ProfileOrder {
  readonly writeTo: string | null;
}

/** A profile of a contestant's main thread, and the processor time that this thread took meanwhile. */
export interface Profile {
  readonly profile: V8.Profile;
  readonly threadMilliseconds: number;
}

/** The profiler within a contestant. */
export interface Profiler {
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<Profile>;
}

/** The arguments of Node with which a contestant can be profiled; it needs a channel to its parent. */
export const PROFILED = ['--import', fileURLToPath(new URL('profiled.ts', import.meta.url))] as const;

/** Returns the profiler of a process that was started with `PROFILED`; `file` is where its profiles pass through. */
export function profilerOf(child: ChildProcess, file: string): Profiler {
  const tell = async (order: ProfileOrder): Promise<void> => {
    child.send(order);
    const [answer] = (await once(child, 'message')) as [string];
    if (answer !== 'done') throw new Error(`The profiler failed: ${answer}`);
  };
  return {
    begin: () => tell({ writeTo: null }),
    async end() {
      await tell({ writeTo: file });
      return JSON.parse(readFileSync(file, 'utf8')) as Profile;
    },
  };
}
