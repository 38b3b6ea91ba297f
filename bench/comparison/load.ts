import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { peersFolder } from './contestants.ts';
import type { LoadJob, LoadResult } from './load-job.ts';

/** The load generator, a process of its own. */
export interface Load {
  readonly run: (job: LoadJob) => Promise<LoadResult>;
  readonly stop: () => void;
}

/** Starts the load generator. */
export function startLoad(): Load {
  const child = fork(join(peersFolder, 'load-generator.ts'), { serialization: 'advanced' });
  return {
    async run(job) {
      child.send(job);
      const ended = new AbortController();
      const exit = once(child, 'exit', { signal: ended.signal }).then(() => {
        throw new Error('The load generator ended.');
      });
      try {
        const [result] = (await Promise.race([once(child, 'message'), exit])) as [LoadResult];
        return result;
      } finally {
        ended.abort();
        exit.catch(() => undefined);
      }
    },
    stop: () => child.disconnect(),
  };
}
