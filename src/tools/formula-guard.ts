/**
 * A spreadsheet takes a cell that begins with one of these characters for a formula, and runs it
 * (https://owasp.org/www-community/attacks/CSV_Injection). An apostrophe before it keeps it a text.
 *
 * So that an import gives back what an export had, a cell that already has apostrophes there gets one more.
 */
const GUARDED_CELL = /^'*[=+\-@\t\r\n＝＋－＠]/;

/** Returns a cell that no spreadsheet runs. */
export function withGuard(cell: string): string {
  return GUARDED_CELL.test(cell) ? `'${cell}` : cell;
}

/** Returns the cell from which withGuard() made this one. */
export function withoutGuard(cell: string): string {
  return cell.startsWith("'") && GUARDED_CELL.test(cell) ? cell.slice(1) : cell;
}
