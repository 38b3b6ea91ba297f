/**
 * Loaded into a server on SQLite before all else: at SIGUSR2 its file may not grow any more, and at the next one it may
 * again. The limit is one of a connection, so nobody else can set it; that there is no room is then SQLite's own error.
 */
import { DatabaseSync } from 'node:sqlite';

const MAX_PAGES = 4_294_967_294;

const open = new Set<DatabaseSync>();
// oxlint-disable-next-line typescript/unbound-method -- it is called with its database below
const { prepare } = DatabaseSync.prototype;
DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...parameters: Parameters<typeof prepare>) {
  open.add(this);
  return prepare.apply(this, parameters);
};

let isFull = false;
process.on('SIGUSR2', () => {
  isFull = !isFull;
  // No limit is below the pages that there are.
  for (const database of open) if (database.isOpen) database.exec(`pragma max_page_count = ${isFull ? 1 : MAX_PAGES}`);
});
