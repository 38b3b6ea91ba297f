#!/usr/bin/env node
import { isSupportedNode, MIN_NODE_VERSION } from '../config/own-package.js';
import { hideSqliteWarning } from './sqlite-warning.js';

const { node } = process.versions;
if (!isSupportedNode(node)) {
  process.stderr.write(
    `Rollcall needs Node ${MIN_NODE_VERSION} or later, but this is Node ${node}. Install a newer Node; in a checkout, run "npm run -s rollcall -- …", which uses the Node that npm ci installs.\n`,
  );
  process.exitCode = 1;
} else {
  hideSqliteWarning();
  // Imported only now, since an older Node could not even load it. The first call keeps what the engine compiles for the
  // next start.
  (await import('node:module')).enableCompileCache();
  const { run } = await import('./program.js');
  process.exitCode = await run(process.argv);
}
