import { isSupportedNode, MIN_NODE_VERSION } from '../../config/own-package.js';
import { dialectOf, type Database } from '../../database/database.js';
import type { Dialect } from '../../database/dialects/dialect.js';
import { dialects } from '../../database/dialects/dialects.js';
import { withoutPassword } from '../../database/texts/database-url.js';
import { failed, ok, type Finding } from './finding.js';

/** Examines whether the database answers, is of the kind that its URL names, and new enough. */
export async function examineConnection(database: Database, url: string): Promise<Finding[]> {
  const dialect = dialectOf(database);
  const version = await dialect.inspection.version(database);
  // Only now: the first statement waits for a connection to be made.
  const start = performance.now();
  await database.em.getConnection().execute('select 1');
  const milliseconds = performance.now() - start;
  return [versionFinding(dialect, version, `${withoutPassword(url)} answers in ${milliseconds.toFixed(1)} ms`)];
}

/** Returns the finding for what a database calls its version. */
export function versionFinding(dialect: Dialect, version: string, answer: string): Finding {
  const { kind, title, minVersion, inspection } = dialect;
  const actual = dialects[inspection.kindOf(version)];
  if (actual.kind !== kind)
    return failed(
      `DATABASE_URL begins with ${kind}:, but the server is ${actual.title} (${version}).`,
      `Begin it with ${actual.kind}: instead.`,
    );
  // MariaDB puts 5.5.5- before its version for old replicas.
  const [major = 0, minor = 0] = version
    .replace(/^5\.5\.5-/, '')
    .split('.')
    .map(part => Number.parseInt(part, 10));
  const isOld = major < minVersion[0] || (major === minVersion[0] && minor < minVersion[1]);
  const least = minVersion.join('.');
  return isOld
    ? failed(`${title} is ${version}, older than ${least}.`, `Upgrade it to ${title} ${least} or later.`)
    : ok(`${title} ${version} at ${answer}.`);
}

/** Examines the Node that runs this. */
export function examineNode(version: string): Finding[] {
  return [
    isSupportedNode(version)
      ? ok(`Node ${version}.`)
      : failed(
          `Node is ${version}, older than ${MIN_NODE_VERSION}.`,
          'Install a newer Node; in a checkout, run "npm run -s rollcall -- …", which uses the Node that npm ci installs.',
        ),
  ];
}
