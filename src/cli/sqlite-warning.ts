/**
 * Keeps Node 22 from warning, at every command, that its SQLite is experimental. All other warnings are shown.
 */
export function hideSqliteWarning(): void {
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...details: unknown[]): void => {
    if (details[0] === 'ExperimentalWarning' && String(warning).startsWith('SQLite ')) return;
    Reflect.apply(emitWarning, process, [warning, ...details]);
  };
}
