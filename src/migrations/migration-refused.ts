/** A migration that was refused because it would lose data, or change what is not Rollcall's. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
  readonly code = 'MIGRATION_REFUSED';
}
