/** Says why a backup of counts cannot be restored, and what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly code = 'BACKUP_UNUSABLE';
}
