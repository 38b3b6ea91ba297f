import { inspect } from 'node:util';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CommandError } from '../failures/command-error.js';
import type { Session } from './session.js';

/** The methods that would leave the transaction of the session, with what to use instead. */
const refusedMethods: Readonly<Record<string, string>> = {
  begin: 'The session has a transaction already; em.transactional() makes a savepoint in it.',
  commit: 'Use .commit, or start the shell with --commit.',
  rollback: 'Use .rollback.',
  setTransactionContext: 'The session has a transaction already.',
  resetTransactionContext: 'The session has a transaction already.',
  getConnection: 'Use em.execute(), which runs SQL in the transaction of the session.',
  getDriver: 'Use em.execute(), which runs SQL in the transaction of the session.',
  getKysely: 'Use em.execute(), which runs SQL in the transaction of the session.',
  getRepository: 'Use the methods of em, such as em.find(Course, { … }).',
  getContext: 'Use em itself.',
  stream: 'Use em.find() with a limit.',
};

/** The methods that neither change nor lock rows, unless their options say so. */
const readingMethods: ReadonlySet<string> = new Set([
  'find',
  'findAll',
  'findAndCount',
  'findByCursor',
  'findOne',
  'findOneOrFail',
  'refresh',
  'refreshOrFail',
  'count',
  'countBy',
  'populate',
  'create',
  'assign',
  'persist',
  'remove',
  'merge',
  'map',
  'clear',
  'fork',
  'getReference',
  'canPopulate',
  'getMetadata',
  'getUnitOfWork',
  'isInTransaction',
]);

/** The statements that a transaction can roll back, on every database. */
const ALLOWED_SQL = /^\s*(?:select|with|values|table|insert|update|delete|replace|call|explain|show|desc|describe)\b/i;
/** The statements that only read. */
const READING_SQL = /^\s*(?:select|values|table|show|desc|describe)\b/i;
/** What makes a SELECT lock rows, or write. */
const LOCKING_SQL = /\bfor\s+(?:no\s+key\s+|key\s+)?(?:update|share)\b|\block\s+in\s+share\s+mode\b|\binto\b/i;
/** A second statement. Texts in quotes and comments are taken away first. */
const SECOND_STATEMENT = /;\s*\S/;
const QUOTED = /'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`[^`]*`|--[^\n]*|\/\*[^]*?\*\//g;

type ManagerMethod = (this: unknown, ...given: unknown[]) => unknown;

/**
 * Returns an entity manager that does what another one does, and stays in the transaction of the session: what would
 * leave it is refused, and the session learns what may have changed something.
 */
export function sessionManager(session: Session, em: SqlEntityManager = session.em): SqlEntityManager {
  const shown = Object.create(Object.getPrototypeOf(em) as object) as object;
  for (const name of namesOf(em)) {
    const value: unknown = (em as unknown as Record<string, unknown>)[name];
    if (typeof value === 'function')
      define(shown, name, (...given: unknown[]) => called(session, em, name, value as ManagerMethod, given));
  }
  define(shown, inspect.custom, () => 'EntityManager in the transaction of the session');
  return shown as SqlEntityManager;
}

function called(
  session: Session,
  em: SqlEntityManager,
  name: string,
  method: ManagerMethod,
  given: unknown[],
): unknown {
  const refusal = refusedMethods[name];
  if (refusal !== undefined) throw new CommandError(`em.${name}() would leave the session. ${refusal}`);
  session.requireTransaction();
  if (name === 'execute') requireRollback(given[0]);
  if (!readsOnly(name, given)) session.noteChange();
  if (name === 'fork') return sessionManager(session, session.em.fork());
  if (name === 'transactional' || name === 'transaction') given = [within(session, given[0] as ManagerMethod)];
  const result = method.apply(em, given);
  return result instanceof Promise ? noting(session, result) : result;
}

function within(session: Session, work: ManagerMethod): ManagerMethod {
  return inner => work(sessionManager(session, inner as SqlEntityManager));
}

async function noting(session: Session, result: Promise<unknown>): Promise<unknown> {
  try {
    return await result;
  } catch (error) {
    session.noteError(error);
    throw error;
  }
}

function readsOnly(name: string, given: readonly unknown[]): boolean {
  if (name === 'execute')
    return typeof given[0] === 'string' && READING_SQL.test(given[0]) && !LOCKING_SQL.test(given[0]);
  const locks = given.some(one => typeof one === 'object' && one !== null && 'lockMode' in one);
  return readingMethods.has(name) && !locks;
}

/** Refuses SQL that a rollback would not undo, such as DDL, which commits on MySQL and MariaDB. Errors: CommandError. */
function requireRollback(sql: unknown): void {
  if (typeof sql !== 'string') throw new CommandError('em.execute() takes SQL as a text here.');
  const plain = sql.replaceAll(QUOTED, "''");
  if (ALLOWED_SQL.test(plain) && !SECOND_STATEMENT.test(plain)) return;
  throw new CommandError(
    `The shell runs one SELECT, INSERT, UPDATE, DELETE, CALL or EXPLAIN at a time, which its transaction can roll back. Run other SQL with the program of your database.`,
  );
}

/** Returns the names of the methods of an object and of its classes. */
function namesOf(object: object): Set<string> {
  const names = new Set<string>();
  for (let at: object = object; at !== Object.prototype; at = Object.getPrototypeOf(at) as object)
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
  return names;
}

function define(object: object, name: string | symbol, value: unknown): void {
  Object.defineProperty(object, name, { value, configurable: true, enumerable: false });
}
