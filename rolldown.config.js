/**
 * The libraries that the command line loads in hundreds of small files. Those of the server stay as they are, since
 * most commands never load them.
 */
const joined = ['@mikro-orm', '@opentelemetry', 'commander', 'jose', 'kysely', 'mikro-orm-counters', 'zod'];

/** Makes dist/cli/main.js of dist/cli/rollcall.js: finding and reading 800 files was most of a command's time. */
export default {
  input: { main: 'dist/cli/rollcall.js' },
  platform: 'node',
  // Nothing is left out: what seems to have no effect may be called for the error that it throws.
  treeshake: false,
  external: name => !/^[./]/.test(name) && !joined.includes(name.split('/')[0]),
  output: {
    dir: 'dist',
    entryFileNames: 'cli/[name].js',
    chunkFileNames: 'command-line/[name].js',
    // MikroORM names entities, and errors themselves, after their classes.
    keepNames: true,
  },
};
