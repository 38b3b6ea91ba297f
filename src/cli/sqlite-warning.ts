/**
 * Keeps Node 22 from warning, at every command, that its SQLite is experimental. All other warnings are shown.
 */
export function hideSqliteWarning(): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its process below
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...details: unknown[]): void => {
    if (details[0] === 'ExperimentalWarning' && String(warning).startsWith('SQLite ')) return;
    Reflect.apply(emitWarning, process, [warning, ...details]);
  };
}
