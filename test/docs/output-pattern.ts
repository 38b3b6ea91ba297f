/**
 * Returns whether a command has printed what a page shows: `…` stands for any text within its line, and on a line of
 * its own for any lines.
 */
export function isAsShown(printed: string, shown: readonly string[]): boolean {
  const pattern = shown
    .map(line => (line.trim() === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(literally).join('.*')}\\n`))
    .join('');
  return new RegExp(`^${pattern}$`).test(printed === '' || printed.endsWith('\n') ? printed : `${printed}\n`);
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
