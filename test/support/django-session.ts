import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';

/** Debian's Python, for which Debian packages Django and the drivers; another one may come first on PATH. */
const PYTHON = '/usr/bin/python3';

const app = join(import.meta.dirname, 'django');

/** Returns whether Django and its drivers are installed. */
export function hasDjango(): boolean {
  return spawnSync(PYTHON, ['-c', 'import django, MySQLdb, psycopg2']).status === 0;
}

/** A process of the Django app in test/support/django, on one database. */
export class DjangoSession {
  readonly #child: ChildProcess;
  #printed = '';

  /** Starts the app, whose users, courses and enrollments have keys of this kind. */
  constructor(kind: DatabaseKind, url: string, keys: 'number' | 'uuid' = 'number') {
    this.#child = spawn(PYTHON, ['session.py'], {
      cwd: app,
      env: {
        DJANGO_DATABASE: JSON.stringify(settingsOf(kind, url)),
        KEYS: keys,
        PYTHONDONTWRITEBYTECODE: '1',
        LC_ALL: 'C.UTF-8',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout!.setEncoding('utf8');
  }

  /** Runs a piece of Python, with the names of those before, and returns what it has printed, also of an error. */
  async run(python: string): Promise<string> {
    this.#child.stdin!.write(`${python}\0`);
    while (!this.#printed.includes('\0')) {
      const [part] = (await Promise.race([once(this.#child.stdout!, 'data'), this.#end()])) as [string];
      this.#printed += part;
    }
    const [first, ...rest] = this.#printed.split('\0');
    this.#printed = rest.join('\0');
    return first!;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin!.end();
    await once(this.#child, 'exit');
  }

  async #end(): Promise<never> {
    await once(this.#child, 'exit');
    throw new Error('The Django app ended.');
  }
}

/** Returns Django's settings of a database. */
function settingsOf(kind: DatabaseKind, url: string): object {
  if (kind === 'sqlite') return { ENGINE: 'django.db.backends.sqlite3', NAME: url.slice('sqlite:'.length) };
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    ENGINE: `django.db.backends.${kind === 'postgresql' ? 'postgresql' : 'mysql'}`,
    HOST: hostname,
    PORT: port,
    USER: decodeURIComponent(username),
    PASSWORD: decodeURIComponent(password),
    NAME: pathname.slice(1),
  };
}
