/**
 * The errors of MySQL, of MariaDB, and of mysql2, the driver for both. Sources: MySQL's messages_to_clients.txt and its
 * client's errmsg.h, MariaDB's errmsg-utf8.txt, and mysql2's own errors.
 */
import { faultOfKind, kindIn, type ErrorRow, type Fault } from '../../faults/fault.js';
import { networkErrors } from '../../faults/network-errors.js';

/**
 * The errors of MySQL's and MariaDB's servers. If both give one number to different errors, the entry is the one that
 * our statements can get.
 */
export const serverErrors: readonly ErrorRow<number>[] = [
  // Errors of mysys, which both servers share: EE_* (include/mysys_err.h).
  [2, 'EE_READ', 'broken'],
  [3, 'EE_WRITE', 'full', /errno: (?:28|122|27)\b|No space left|quota|too large/i],
  [3, 'EE_WRITE', 'broken'],
  [5, 'EE_OUTOFMEMORY', 'exhausted'],
  [20, 'EE_DISK_FULL', 'full'],
  [23, 'EE_OUT_OF_FILERESOURCES', 'exhausted'],
  // Conflicts.
  [1213, 'ER_LOCK_DEADLOCK', 'deadlock'],
  [1614, 'ER_XA_RBDEADLOCK', 'deadlock'],
  [3058, 'ER_USER_LOCK_DEADLOCK', 'deadlock'],
  [1205, 'ER_LOCK_WAIT_TIMEOUT', 'lock_wait'],
  [1689, 'ER_LOCK_ABORTED', 'lock_wait'],
  [3572, 'ER_LOCK_NOWAIT', 'lock_wait'],
  [1020, 'ER_CHECKREAD', 'changed'],
  [1412, 'ER_TABLE_DEF_CHANGED', 'changed'],
  [1615, 'ER_NEED_REPREPARE', 'changed'],
  [3101, 'ER_TRANSACTION_ROLLBACK_DURING_COMMIT', 'changed'],
  // Group Replication and Galera also end the loser at COMMIT with the error of the storage engine (149: a deadlock).
  [1180, 'ER_ERROR_DURING_COMMIT', 'deadlock', /\b149\b/],
  [1180, 'ER_ERROR_DURING_COMMIT', 'full', /\b28\b/],
  [1180, 'ER_ERROR_DURING_COMMIT', 'broken'],
  [1181, 'ER_ERROR_DURING_ROLLBACK', 'broken'],
  // The connection has ended, or cannot be opened.
  [1042, 'ER_BAD_HOST_ERROR', 'disconnected'],
  [1043, 'ER_HANDSHAKE_ERROR', 'disconnected'],
  [1080, 'ER_FORCING_CLOSE', 'disconnected'],
  [1152, 'ER_ABORTING_CONNECTION', 'disconnected'],
  [1154, 'ER_NET_READ_ERROR_FROM_PIPE', 'disconnected'],
  [1155, 'ER_NET_FCNTL_ERROR', 'disconnected'],
  [1156, 'ER_NET_PACKETS_OUT_OF_ORDER', 'disconnected'],
  [1157, 'ER_NET_UNCOMPRESS_ERROR', 'disconnected'],
  [1158, 'ER_NET_READ_ERROR', 'disconnected'],
  [1159, 'ER_NET_READ_INTERRUPTED', 'disconnected'],
  [1160, 'ER_NET_ERROR_ON_WRITE', 'disconnected'],
  [1161, 'ER_NET_WRITE_INTERRUPTED', 'disconnected'],
  [1184, 'ER_NEW_ABORTING_CONNECTION', 'disconnected'],
  [1927, 'ER_CONNECTION_KILLED', 'disconnected'], // MariaDB's.
  [3169, 'ER_SESSION_WAS_KILLED', 'disconnected'],
  [4031, 'ER_CLIENT_INTERACTION_TIMEOUT', 'disconnected'], // MySQL's; MariaDB's has to do with triggers alone.
  // The server is not in service.
  [1047, 'ER_UNKNOWN_COM_ERROR', 'stopped', /wsrep/i], // Galera's node has not joined, or has lost, the cluster.
  [1047, 'ER_UNKNOWN_COM_ERROR', 'mistaken'],
  [1053, 'ER_SERVER_SHUTDOWN', 'stopped'],
  [1077, 'ER_NORMAL_SHUTDOWN', 'stopped'],
  [1079, 'ER_SHUTDOWN_COMPLETE', 'stopped'],
  [3032, 'ER_SERVER_OFFLINE_MODE', 'stopped'],
  [3100, 'ER_RUN_HOOK_ERROR', 'stopped'], // A member that is not in its group refuses to commit.
  [3168, 'ER_SERVER_ISNT_AVAILABLE', 'stopped'],
  [1040, 'ER_CON_COUNT_ERROR', 'crowded'],
  [1135, 'ER_CANT_CREATE_THREAD', 'crowded'],
  [1203, 'ER_TOO_MANY_USER_CONNECTIONS', 'crowded'],
  [1226, 'ER_USER_LIMIT_REACHED', 'crowded'],
  // The server accepts no changes.
  [1036, 'ER_OPEN_AS_READONLY', 'read_only'],
  [1223, 'ER_CANT_UPDATE_WITH_READLOCK', 'read_only'],
  [1290, 'ER_OPTION_PREVENTS_STATEMENT', 'read_only', /read.only/i],
  [1290, 'ER_OPTION_PREVENTS_STATEMENT', 'denied'],
  [1792, 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION', 'read_only'],
  [1836, 'ER_READ_ONLY_MODE', 'read_only'],
  [1874, 'ER_INNODB_READ_ONLY', 'read_only'],
  [1881, 'ER_INNODB_FORCED_RECOVERY', 'read_only'],
  [3989, 'ER_SCHEMA_READ_ONLY', 'read_only'],
  // The server has no space.
  [1005, 'ER_CANT_CREATE_TABLE', 'full', /errno: (?:28|135)\b/],
  [1005, 'ER_CANT_CREATE_TABLE', 'mistaken'],
  [1021, 'ER_DISK_FULL', 'full'],
  [1026, 'ER_ERROR_ON_WRITE', 'full', /\b(?:28|122|27)\b/],
  [1026, 'ER_ERROR_ON_WRITE', 'broken'],
  [1030, 'ER_GET_ERRNO', 'full', /error (?:28|135|136)\b|No space left|quota exceeded|too large/i], // The numbers in its text are those of storage engines too.
  [1030, 'ER_GET_ERRNO', 'broken'],
  [1114, 'ER_RECORD_FILE_FULL', 'full'],
  [1534, 'ER_BINLOG_ROW_LOGGING_FAILED', 'full', /\b28\b|No space left/],
  [1534, 'ER_BINLOG_ROW_LOGGING_FAILED', 'broken'],
  [1598, 'ER_BINLOG_LOGGING_IMPOSSIBLE', 'full', /\b28\b|No space left/],
  [1598, 'ER_BINLOG_LOGGING_IMPOSSIBLE', 'broken'],
  [1878, 'ER_TEMP_FILE_WRITE_FAILURE', 'full'],
  // The server has run out of something else.
  [1037, 'ER_OUTOFMEMORY', 'exhausted'],
  [1038, 'ER_OUT_OF_SORTMEMORY', 'exhausted'],
  [1041, 'ER_OUT_OF_RESOURCES', 'exhausted'],
  [1206, 'ER_LOCK_TABLE_FULL', 'exhausted'],
  [1637, 'ER_TOO_MANY_CONCURRENT_TRXS', 'exhausted'],
  // The server does not accept this program.
  [1044, 'ER_DBACCESS_DENIED_ERROR', 'refused'],
  [1045, 'ER_ACCESS_DENIED_ERROR', 'refused'],
  [1049, 'ER_BAD_DB_ERROR', 'refused'],
  [1129, 'ER_HOST_IS_BLOCKED', 'refused'],
  [1130, 'ER_HOST_NOT_PRIVILEGED', 'refused'],
  [1251, 'ER_NOT_SUPPORTED_AUTH_MODE', 'refused'],
  [1698, 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR', 'refused'],
  [1820, 'ER_MUST_CHANGE_PASSWORD', 'refused'],
  [1862, 'ER_MUST_CHANGE_PASSWORD_LOGIN', 'refused'],
  [1873, 'ER_ACCESS_DENIED_CHANGE_USER_ERROR', 'refused'],
  [3118, 'ER_ACCOUNT_HAS_BEEN_LOCKED', 'refused'],
  [3159, 'ER_SECURE_TRANSPORT_REQUIRED', 'refused'],
  [3955, 'ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK', 'refused'],
  [4151, 'ER_ACCOUNT_HAS_BEEN_LOCKED', 'refused'], // MariaDB's.
  // The server does not allow the statement.
  [1095, 'ER_KILL_DENIED_ERROR', 'denied'],
  [1142, 'ER_TABLEACCESS_DENIED_ERROR', 'denied'],
  [1143, 'ER_COLUMNACCESS_DENIED_ERROR', 'denied'],
  [1227, 'ER_SPECIFIC_ACCESS_DENIED_ERROR', 'denied'],
  [1370, 'ER_PROCACCESS_DENIED_ERROR', 'denied'],
  [1419, 'ER_BINLOG_CREATE_ROUTINE_NEED_SUPER', 'denied'],
  [1449, 'ER_NO_SUCH_USER', 'denied'], // The definer of a trigger or a procedure, with whose privileges it runs.
  [1959, 'ER_INVALID_ROLE', 'denied'], // MariaDB's.
  [3530, 'ER_ROLE_NOT_GRANTED', 'denied'],
  [3552, 'ER_NO_SYSTEM_SCHEMA_ACCESS', 'denied'],
  [3554, 'ER_NO_SYSTEM_TABLE_ACCESS', 'denied'],
  [3879, 'ER_DB_ACCESS_DENIED', 'denied'],
  [6038, 'ER_SPECIFIC_ACCESS_DENIED', 'denied'],
  // The server's files are damaged.
  [1016, 'ER_CANT_OPEN_FILE', 'broken'],
  [1017, 'ER_FILE_NOT_FOUND', 'broken'],
  [1024, 'ER_ERROR_ON_READ', 'broken'],
  [1033, 'ER_NOT_FORM_FILE', 'broken'],
  [1034, 'ER_NOT_KEYFILE', 'broken'],
  [1035, 'ER_OLD_KEYFILE', 'broken'],
  [1194, 'ER_CRASHED_ON_USAGE', 'broken'],
  [1195, 'ER_CRASHED_ON_REPAIR', 'broken'],
  [1712, 'ER_INDEX_CORRUPT', 'broken'],
  [1812, 'ER_TABLESPACE_MISSING', 'broken'],
  [1814, 'ER_TABLESPACE_DISCARDED', 'broken'],
  [1815, 'ER_INTERNAL_ERROR', 'broken'],
  [1817, 'ER_INNODB_INDEX_CORRUPT', 'broken'],
  [1877, 'ER_TABLE_CORRUPT', 'broken'],
  [1932, 'ER_NO_SUCH_TABLE_IN_ENGINE', 'broken'], // MariaDB's.
  [3185, 'ER_CANNOT_FIND_KEY_IN_KEYRING', 'broken'],
  // The statement was ended.
  [1028, 'ER_FILSORT_ABORT', 'interrupted'],
  [1317, 'ER_QUERY_INTERRUPTED', 'interrupted'],
  [1613, 'ER_XA_RBTIMEOUT', 'timed_out'],
  [1969, 'ER_STATEMENT_TIMEOUT', 'timed_out'], // MariaDB's.
  [3024, 'ER_QUERY_TIMEOUT', 'timed_out'], // MySQL's.
  // A row breaks a rule of its table.
  [1048, 'ER_BAD_NULL_ERROR', 'row_refused'],
  [1062, 'ER_DUP_ENTRY', 'row_refused'],
  [1264, 'ER_WARN_DATA_OUT_OF_RANGE', 'row_refused'],
  [1265, 'WARN_DATA_TRUNCATED', 'row_refused'],
  [1292, 'ER_TRUNCATED_WRONG_VALUE', 'row_refused'],
  [1364, 'ER_NO_DEFAULT_FOR_FIELD', 'row_refused'],
  [1366, 'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD', 'row_refused'],
  [1406, 'ER_DATA_TOO_LONG', 'row_refused'],
  [1451, 'ER_ROW_IS_REFERENCED_2', 'row_refused'],
  [1452, 'ER_NO_REFERENCED_ROW_2', 'row_refused'],
  [1644, 'ER_SIGNAL_EXCEPTION', 'row_refused'],
  [3819, 'ER_CHECK_CONSTRAINT_VIOLATED', 'row_refused'],
  [4025, 'ER_CONSTRAINT_FAILED', 'row_refused'], // MariaDB's.
  // The statement is wrong.
  [1046, 'ER_NO_DB_ERROR', 'mistaken'],
  [1050, 'ER_TABLE_EXISTS_ERROR', 'mistaken'],
  [1051, 'ER_BAD_TABLE_ERROR', 'mistaken'],
  [1054, 'ER_BAD_FIELD_ERROR', 'mistaken'],
  [1064, 'ER_PARSE_ERROR', 'mistaken'],
  [1146, 'ER_NO_SUCH_TABLE', 'mistaken'],
  [1153, 'ER_NET_PACKET_TOO_LARGE', 'mistaken'],
  [1197, 'ER_TRANS_CACHE_FULL', 'mistaken'],
  [1305, 'ER_SP_DOES_NOT_EXIST', 'mistaken'],
  [1690, 'ER_DATA_OUT_OF_RANGE', 'mistaken'],
];

/**
 * The codes of mysql2 and of the network beneath it, which mysql2 marks as fatal if they have ended a connection or
 * prevented one. Any other code that is marked so is of the kind `disconnected` too.
 */
export const driverErrors: readonly ErrorRow<string>[] = [
  ['PROTOCOL_CONNECTION_LOST', 'the server has closed the connection', 'disconnected'],
  ['PROTOCOL_PACKETS_OUT_OF_ORDER', 'an unexpected answer has arrived', 'disconnected'],
  ['PROTOCOL_SEQUENCE_TIMEOUT', 'no answer has arrived in time', 'disconnected'],
  ...networkErrors,
  ['HANDSHAKE_UNKNOWN_ERROR', 'the other side is not a database, or broke off', 'disconnected'],
  ['HANDSHAKE_NO_SSL_SUPPORT', 'the server does not encrypt', 'refused'],
  ['HANDSHAKE_SSL_ERROR', 'the server’s certificate is not accepted', 'refused'],
  ['AUTH_SWITCH_PLUGIN_ERROR', 'the server requires a form of password that is not supported', 'refused'],
];

const byNumber = Map.groupBy(serverErrors, ([key]) => key);
const byCode = Map.groupBy(driverErrors, ([key]) => key);

/** The properties of mysql2's errors, which MikroORM copies to its own errors. */
interface ServerError {
  readonly message?: string;
  /**
   * A name; or the number of an error that the server has sent without a query, for example that it ends the
   * connection.
   */
  readonly code?: string | number;
  /** The number of the server's error; a system error has a negative one. */
  readonly errno?: number;
  /** True if mysql2 has lost the connection, or got none. */
  readonly fatal?: boolean;
}

/** Returns what an error of MySQL, MariaDB or their driver means; null if the error comes from none of them. */
export function serverFaultOf(error: unknown): Fault | null {
  const { code, errno = 0, fatal, message = '' } = (error ?? {}) as ServerError;
  const number = typeof code === 'number' ? code : errno;
  const kind = number > 0 ? kindIn(byNumber.get(number), message) : kindIn(byCode.get(String(code)), message);
  // Whatever the server said, this was the last error on that connection.
  if (fatal === true)
    return faultOfKind(
      kind === 'mistaken' || kind === 'unknown' ? 'disconnected' : kind,
      number > 0 ? number : (code ?? 'CLOSED'),
      message,
    );
  return errno > 0 ? faultOfKind(kind, errno, message) : null;
}

/** Returns true for an error of one of these numbers. */
export function hasNumber(error: unknown, ...numbers: readonly number[]): boolean {
  return numbers.includes((error as { errno?: number } | null)?.errno ?? 0);
}
