import { configVariables } from '../config/config-variables.js';

/** The width that help text keeps to, in columns: that of a terminal as it opens. */
const HELP_COLUMNS = 80;
/** The column at which meanings begin. */
const VARIABLE_MEANING_COLUMN = 24;

/** Returns the part of `--help` that lists the variables of the configuration, with their defaults in parentheses. */
export function configurationHelp(): string {
  const variables = Object.entries(configVariables).map(([name, { meaning, shownDefault }]) =>
    entry(name, withoutMarkdown(shownDefault === '' ? meaning : `${meaning} (${shownDefault})`)),
  );
  return `
Configuration comes from the environment and from .env in the working directory:
${variables.join('\n')}

Exit codes: 0 clean, 1 failure, 2 usage, 3 drift.`;
}

/** Returns a name with its meaning beside it, wrapped. */
function entry(name: string, meaning: string): string {
  const lines = wrapped(meaning, HELP_COLUMNS - VARIABLE_MEANING_COLUMN);
  const margin = ' '.repeat(VARIABLE_MEANING_COLUMN);
  return [
    `  ${name}`.padEnd(VARIABLE_MEANING_COLUMN - 1) + ` ${lines[0]}`,
    ...lines.slice(1).map(line => margin + line),
  ].join('\n');
}

function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/**
 * Returns Markdown as a terminal shows it: without backticks, and of each link its text, or its address where that is
 * the text.
 */
function withoutMarkdown(markdown: string): string {
  return markdown.replaceAll('`', '').replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}
