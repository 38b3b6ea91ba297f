/** Reports a migration that cannot go on without a loss, or without a change of what is not Rollcall's. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
  readonly code = 'MIGRATION_REFUSED';
}
