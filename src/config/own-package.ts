// Loaded by any Node, before its version is known to be enough: it imports nothing of the program, and uses no new
// feature.
import { readFileSync } from 'node:fs';

// As far from src/config as from dist/command-line, into which the build joins this file.
const { version, engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

/** The version of Rollcall. */
export const VERSION = version;

/** The oldest Node on which it runs. */
export const MIN_NODE_VERSION = engines.node.replace('>=', '');

/** Returns whether a version of Node is new enough to run it. */
export function isSupportedNode(nodeVersion: string): boolean {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_NODE_VERSION.split('.').map(Number);
  return major > minMajor || (major === minMajor && minor >= minMinor);
}
