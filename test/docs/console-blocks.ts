import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const project = resolve(import.meta.dirname, '../..');

/** One command of a page, as typed after the prompt, and the lines that the page shows as its output. */
export interface ShownCommand {
  readonly page: string;
  /** The line of the page that the command begins in, from 1. */
  readonly line: number;
  /** The databases on which the command is run. */
  readonly on: 'sqlite' | 'servers';
  readonly command: string;
  readonly output: readonly string[];
}

/**
 * One fenced block of a page: what follows the opening fence, the line of that fence from 1, and the lines between
 * the fences.
 */
export interface Block {
  readonly kind: string;
  readonly line: number;
  readonly lines: readonly string[];
}

/**
 * Returns the pages whose commands and operations are run, as paths from the project's folder: README.md and docs/*.md.
 */
export function pages(): string[] {
  const docs = readdirSync(join(project, 'docs')).filter(name => name.endsWith('.md'));
  return ['README.md', ...docs.toSorted().map(name => `docs/${name}`)];
}

/** Returns the text of a page. */
export function textOf(page: string): string {
  return readFileSync(join(project, page), 'utf8');
}

/** Returns the fenced blocks of a text, in order. */
export function blocksIn(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { kind: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, info] = /^```(.*)$/.exec(line) ?? [];
    if (info === undefined) open?.lines.push(line);
    else if (open) {
      blocks.push(open);
      open = undefined;
    } else open = { kind: info.trim(), line: index + 1, lines: [] };
  }
  if (open) throw new Error(`The block that begins in line ${open.line} is not closed.`);
  return blocks;
}

/**
 * Returns the commands of a page's console blocks, in order. Throws where a block is of a kind that nobody runs, or
 * begins with output.
 */
export function commandsIn(page: string, text: string): ShownCommand[] {
  return blocksIn(text)
    .filter(({ kind }) => kind.startsWith('console'))
    .flatMap(block => commandsOf(page, block));
}

function commandsOf(page: string, { kind, line, lines }: Block): ShownCommand[] {
  const on = ({ console: 'sqlite', 'console mysql': 'servers' } as const)[kind];
  if (!on)
    throw new Error(`${page}:${line}: nobody runs blocks that are marked "${kind}"; use "console" or "console mysql".`);
  const commands: (ShownCommand & { output: string[] })[] = [];
  let continued = false;
  for (const [index, text] of lines.entries()) {
    const last = commands.at(-1);
    if (continued) commands[commands.length - 1] = { ...last!, command: `${last!.command}\n${text}` };
    else if (text.startsWith('$ '))
      commands.push({ page, line: line + 1 + index, on, command: text.slice(2), output: [] });
    else if (last) last.output.push(text);
    else
      throw new Error(`${page}:${line + 1 + index}: the block begins with output; begin it with "$ " and a command.`);
    continued = (continued || text.startsWith('$ ')) && text.endsWith('\\');
  }
  return commands;
}
