#!/usr/bin/env node
const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `Rollcall needs Node 24, and this is ${process.versions.node}. Its own Node comes with npm ci: run it as "npm run -s rollcall -- …".\n`,
  );
  process.exitCode = 1;
} else {
  // Imported only now: an older Node could not even load it. The first keeps what the engine compiles for the next
  // start.
  (await import('node:module')).enableCompileCache();
  const { run } = await import('./program.js');
  process.exitCode = await run(process.argv);
}
