import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The libraries that the command line loads in hundreds of small files. Those of the server stay as they are, since
 * most commands never load them.
 */
const joined = ['@mikro-orm', '@opentelemetry', 'commander', 'jose', 'kysely', 'mikro-orm-counters', 'zod'];

/** Where the parts of the program go that several commands share, or one command alone loads. */
const parts = 'command-line';

/** Deletes what an earlier build left, so that a package holds nothing else than this build. */
const removeOldParts = {
  name: 'remove-old-parts',
  writeBundle({ dir }, bundle) {
    for (const name of readdirSync(join(dir, parts))) {
      const path = `${parts}/${name}`;
      if (!Object.hasOwn(bundle, path)) rmSync(join(dir, path));
    }
  },
};

/** Makes dist/cli/main.js of dist/cli/rollcall.js: finding and reading 800 files was most of a command's time. */
export default {
  input: { main: 'dist/cli/rollcall.js' },
  platform: 'node',
  // Nothing is left out: what seems to have no effect may be called for the error that it throws.
  treeshake: false,
  external: name => !/^[./]/.test(name) && !joined.includes(name.split('/')[0]),
  plugins: [removeOldParts],
  output: {
    dir: 'dist',
    entryFileNames: 'cli/[name].js',
    chunkFileNames: `${parts}/[name].js`,
    // MikroORM names entities, and errors themselves, after their classes.
    keepNames: true,
  },
};
