/**
 * The errors of PostgreSQL, and of pg, its driver. Sources: PostgreSQL's errcodes.txt, and pg's own errors.
 */
import { faultOfKind, kindIn, type ErrorRow, type Fault, type FaultKind } from '../../faults/fault.js';
import { networkErrors } from '../../faults/network-errors.js';

/** The errors of the server by their SQLSTATE: those whose kind is not that of their class. */
export const serverErrors: readonly ErrorRow<string>[] = [
  // Conflicts.
  ['40P01', 'deadlock_detected', 'deadlock'],
  ['40001', 'serialization_failure', 'changed'],
  ['40003', 'statement_completion_unknown', 'unknown'],
  ['55P03', 'lock_not_available', 'lock_wait'],
  // A prepared statement of a table that was changed, or that another session of a proxy has prepared.
  ['0A000', 'feature_not_supported', 'changed', /cached plan/],
  ['26000', 'invalid_sql_statement_name', 'changed'],
  // The connection has ended, or the server is not in service.
  ['25P03', 'idle_in_transaction_session_timeout', 'disconnected'],
  ['25P04', 'transaction_timeout', 'disconnected'],
  ['57P05', 'idle_session_timeout', 'disconnected'],
  // The server stops, or somebody has ended this session.
  ['57P01', 'admin_shutdown', 'stopped'],
  ['57P02', 'crash_shutdown', 'stopped'],
  ['57P03', 'cannot_connect_now', 'stopped'],
  ['53300', 'too_many_connections', 'crowded'],
  // The server accepts no changes.
  ['25006', 'read_only_sql_transaction', 'read_only'],
  // The server has no space, or has run out of something else.
  ['53100', 'disk_full', 'full'],
  ['54000', 'program_limit_exceeded', 'exhausted', /out of memory/i],
  // The server does not accept this program, or does not allow the statement.
  ['57P04', 'database_dropped', 'refused'],
  ['0LP01', 'invalid_grant_operation', 'denied'],
  ['0P000', 'invalid_role_specification', 'refused'],
  ['42501', 'insufficient_privilege', 'denied'],
  // A row breaks a rule of its table.
  ['22001', 'string_data_right_truncation', 'row_refused'],
  ['22003', 'numeric_value_out_of_range', 'row_refused'],
  ['P0001', 'raise_exception', 'row_refused'], // What a trigger says.
  // The statement was ended.
  ['57014', 'query_canceled', 'timed_out', /statement timeout/],
  ['57014', 'query_canceled', 'interrupted'],
  // A disk that is full shows in the message of the system's error.
  ['58030', 'io_error', 'full', /No space left|quota/i],
];

/** The kinds of the classes of errors, the first two characters of an SQLSTATE; all others are mistakes of statements. */
const classes: Readonly<Record<string, FaultKind>> = {
  '08': 'disconnected',
  23: 'row_refused',
  '28': 'refused',
  '3D': 'refused',
  '40': 'changed',
  '53': 'exhausted',
  '57': 'interrupted',
  '58': 'broken',
  F0: 'broken',
  XX: 'broken',
};

/**
 * The codes of pg, of TLS and of the network beneath it, when they have ended a connection or prevented one. Any other
 * error that did so is of the kind `disconnected` too.
 */
export const driverErrors: readonly ErrorRow<string>[] = [
  ...networkErrors,
  ['CLOSED', 'the connection has ended, or did not begin', 'refused', /does not support SSL|password must be a/],
  ['CLOSED', 'the connection has ended, or did not begin', 'disconnected'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the server’s certificate is not accepted', 'refused'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the server’s certificate is not accepted', 'refused'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the server’s certificate is not accepted', 'refused'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the server’s certificate is not accepted', 'refused'],
  ['CERT_HAS_EXPIRED', 'the server’s certificate is not accepted', 'refused'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'the server’s certificate is not accepted', 'refused'],
];

const byState = Map.groupBy(serverErrors, ([key]) => key);
const byCode = Map.groupBy(driverErrors, ([key]) => key);

/** The properties of pg's errors, which MikroORM copies to its own errors. */
interface PostgreSqlError {
  readonly message?: string;
  /** The SQLSTATE of the server's error, or the code of a system's error. */
  readonly code?: string;
  /** The severity of the server's error, such as ERROR or FATAL. */
  readonly severity?: string;
  /** True if pg has lost the connection, or got none: see withoutConnection(). */
  readonly hasNoConnection?: boolean;
}

const SQLSTATE = /^[\dA-Z]{5}$/;

/** Returns what an error of PostgreSQL or its driver means; null if the error comes from neither. */
export function postgreSqlFaultOf(error: unknown): Fault | null {
  const { code = '', severity, hasNoConnection, message = '' } = (error ?? {}) as PostgreSqlError;
  if (typeof severity === 'string' && SQLSTATE.test(code)) {
    const known = kindIn(byState.get(code), message);
    return faultOfKind(known === 'unknown' ? (classes[code.slice(0, 2)] ?? 'mistaken') : known, code, message);
  }
  if (hasNoConnection !== true) return null;
  const kind = kindIn(byCode.get(code), message);
  return faultOfKind(kind === 'unknown' ? 'disconnected' : kind, code, message);
}

/** Returns an error with the mark that it has ended a connection or prevented one. pg's own errors have no code. */
export function withoutConnection(error: unknown): Error {
  const found = error instanceof Error ? error : new Error(String(error));
  const { code = 'CLOSED' } = found as PostgreSqlError;
  return Object.assign(found, { code, hasNoConnection: true });
}

/** Returns true for an error of one of these SQLSTATEs. */
export function hasState(error: unknown, ...states: readonly string[]): boolean {
  return states.includes((error as { code?: string } | null)?.code ?? '');
}
