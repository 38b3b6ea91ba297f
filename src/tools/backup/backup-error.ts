/** The error of a backup that cannot be restored; its message says why, and what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly code = 'BACKUP_UNUSABLE';
}
