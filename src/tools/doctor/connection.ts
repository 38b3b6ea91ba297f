import { databaseKindOf, type Database } from '../../database/database.js';
import { withoutPassword, type DatabaseKind } from '../../database/texts/database-url.js';
import { failed, ok, type Finding } from './finding.js';

/** Names the databases, with the least version on which all of this runs; SQLite comes with Node. */
const databases: Readonly<Record<DatabaseKind, { readonly name: string; readonly least: readonly [number, number] }>> =
  {
    sqlite: { name: 'SQLite', least: [3, 35] },
    mysql: { name: 'MySQL', least: [8, 4] },
    mariadb: { name: 'MariaDB', least: [10, 11] },
  };

/** Examines whether the database answers, is of the kind that its URL names, and new enough. */
export async function examineConnection(database: Database, url: string): Promise<Finding[]> {
  const kind = databaseKindOf(database);
  const connection = database.em.getConnection();
  const [row] = await connection.execute<{ version: string }[]>(
    `select ${kind === 'sqlite' ? 'sqlite_version()' : 'version()'} as version`,
  );
  // Only now: the first statement waits for a connection to be made.
  const start = performance.now();
  await connection.execute('select 1');
  const milliseconds = performance.now() - start;
  return [versionFinding(kind, row!.version, `${withoutPassword(url)} answers in ${milliseconds.toFixed(1)} ms`)];
}

/** Gives the finding for what a database of a kind calls its version. */
export function versionFinding(kind: DatabaseKind, version: string, answer: string): Finding {
  const actual = kind !== 'sqlite' && /mariadb/i.test(version) ? 'mariadb' : kind === 'mariadb' ? 'mysql' : kind;
  if (actual !== kind)
    return failed(
      `DATABASE_URL begins with ${kind}:, but the server is ${databases[actual].name} (${version}).`,
      `Begin it with ${actual}: instead.`,
    );
  const { name, least } = databases[kind];
  // MariaDB puts 5.5.5- before its version for old replicas.
  const [major = 0, minor = 0] = version
    .replace(/^5\.5\.5-/, '')
    .split('.')
    .map(part => Number.parseInt(part, 10));
  const isOld = major < least[0] || (major === least[0] && minor < least[1]);
  return isOld
    ? failed(
        `${name} is ${version}, older than ${least.join('.')}.`,
        `Upgrade it to ${name} ${least.join('.')} or later.`,
      )
    : ok(`${name} ${version} at ${answer}.`);
}

/** Examines the Node that runs this. */
export function examineNode(version: string): Finding[] {
  const old = Number.parseInt(version, 10) < 24;
  return [
    old
      ? failed(`Node is ${version}, older than 24.`, 'Use the one that comes with npm ci: npm run -s rollcall -- …')
      : ok(`Node ${version}.`),
  ];
}
