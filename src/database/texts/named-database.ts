/** A database as messages name it. */
export interface NamedDatabase {
  /** The setting that has its URL, such as `DATABASE_URL`. */
  readonly setting: string;
  /** The URL without its password. */
  readonly url: string;
  /** False for another application's database, which no command of ours makes. */
  readonly isOwn: boolean;
}

/** Returns what to do about a database that does not exist, without the full stop. */
export function missingAdvice({ setting, isOwn }: NamedDatabase): string {
  return isOwn ? `Create it with "rollcall migrate up", or correct ${setting}` : `Correct ${setting}`;
}
