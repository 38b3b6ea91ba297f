import { inspect } from 'node:util';
import { CounterError, isUnsafeNumber } from 'mikro-orm-counters';
import { TokenError } from '../../access/token-error.js';
import { ConfigError } from '../../config/config.js';
import { SchemaError } from '../../database/schema/schema-error.js';
import { shownKeysIn } from '../../entities/index.js';
import { TrustedDocumentsError } from '../../graphql/documents/trusted-documents-error.js';
import { MigrationRefused } from '../../migrations/migration-refused.js';
import { MissingPrivilegeError } from '../../migrations/missing-privilege-error.js';
import { MapError } from '../../map/map-form.js';
import { IdsFileError } from '../../tools/adopt/copy/numbered-keys.js';
import { BackupError } from '../../tools/backup/backup-error.js';
import { ImportError } from '../../tools/import/import-error.js';
import { TransactionError } from '../../transactions/transaction-error.js';
import { CommandError } from './command-error.js';

/** The errors whose message says what is wrong and what to do. */
const expectedErrors = [
  ConfigError,
  TrustedDocumentsError,
  BackupError,
  CounterError,
  IdsFileError,
  ImportError,
  MapError,
  MigrationRefused,
  MissingPrivilegeError,
  SchemaError,
  TokenError,
  TransactionError,
  CommandError,
];

/** Returns what to print about a failure: one line that says what to do, or all of an error that nobody expected. */
export function failureText(error: unknown): string {
  return isExpected(error)
    ? shownKeysIn(error.message)
    : `Something unexpected failed. Please report it, with this:\n${inspect(error)}`;
}

/** Returns true for an error whose message says what is wrong and what to do. */
export function isExpected(error: unknown): error is Error {
  return expectedErrors.some(kind => error instanceof kind) || isUnsafeNumber(error);
}
