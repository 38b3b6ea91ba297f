import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A registry that is listening. */
export interface EmptyRegistry {
  readonly url: string;
  readonly close: () => void;
}

/**
 * Starts a registry of npm packages that are empty, so that npm can install a package without the network. It knows
 * one version of each package that is given, and answers 404 for all others. What it needs itself goes into a folder.
 */
export async function startEmptyRegistry(
  versions: Readonly<Record<string, string>>,
  folder: string,
): Promise<EmptyRegistry> {
  mkdirSync(join(folder, 'package'));
  writeFileSync(join(folder, 'package', 'package.json'), '{}');
  execFileSync('tar', ['-czf', 'empty.tgz', 'package'], { cwd: folder });
  const tarball = readFileSync(join(folder, 'empty.tgz'));
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url!.slice(1));
    const version = versions[name];
    if (name === 'empty.tgz') response.end(tarball);
    else if (version === undefined) response.writeHead(404).end('{}');
    else
      response.setHeader('content-type', 'application/json').end(
        JSON.stringify({
          name,
          'dist-tags': { latest: version },
          versions: { [version]: { name, version, dist: { tarball: `${url}empty.tgz` } } },
        }),
      );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, close: () => void server.close() };
}
