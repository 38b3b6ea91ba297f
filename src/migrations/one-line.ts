/**
 * Returns a statement on one line.
 *
 * MikroORM reads SQLite's constraints back from the stored text of the statement and treats other white space as part
 * of them.
 */
export function oneLine(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: parts }, ...values)
    .replace(/\s+/g, ' ')
    .trim();
}
