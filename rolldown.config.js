import http from 'node:http';
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

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

/** The names of `node:http` that are loaded with `fetch`. */
const fetchNames = new Set(['WebSocket', 'CloseEvent', 'MessageEvent']);
/**
 * Gives what imports `node:http` the module without its names of `fetch`: Node's own import reads each name, so it loads
 * `fetch` too, which most processes never use.
 */
const httpWithoutFetch = {
  name: 'http-without-fetch',
  resolveId(id, _importer, { kind }) {
    return kind === 'import-statement' && /^(?:node:)?http$/.test(id) ? '\0http' : null;
  },
  load(id) {
    if (id !== '\0http') return null;
    const names = Object.keys(http).filter(name => !fetchNames.has(name));
    return `const http = process.getBuiltinModule('node:http'); export default http; export const { ${names.join()} } = http;`;
  },
};

/**
 * The libraries that are loaded from node_modules: pino starts threads from its own files, and Altair's page is made of
 * its package's files.
 */
const separate = ['altair-static', 'mysql2', 'pg', 'pino'];
/** A library that type-graphql asks for when input is validated by it, which is switched off; it is not installed. */
const absent = ['class-validator'];

/** Makes dist/cli/main.js of dist/cli/rollcall.js: finding and reading 1,500 files was most of the time of a start. */
export default {
  input: { main: 'dist/cli/rollcall.js' },
  platform: 'node',
  // Nothing is left out: what seems to have no effect may be called for the error that it throws.
  treeshake: false,
  // One copy of graphql for those that import it and those that require it: objects of one are strange to another.
  resolve: { alias: { graphql$: createRequire(import.meta.url).resolve('graphql') } },
  external: [...separate, ...absent],
  plugins: [removeOldParts, httpWithoutFetch],
  output: {
    dir: 'dist',
    entryFileNames: 'cli/[name].js',
    chunkFileNames: `${parts}/[name].js`,
    // MikroORM names entities, and errors themselves, after their classes.
    keepNames: true,
  },
};
