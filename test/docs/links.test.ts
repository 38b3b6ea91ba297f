import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocksIn, pages, textOf } from './console-blocks.js';

const project = resolve(import.meta.dirname, '../..');

/** The documents whose links are followed, as paths from the project's folder. */
const documents = [...pages(), 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'test/README.md'];

/** Returns a document without its fenced blocks and its code spans, in which nothing is a link. */
function proseOf(text: string): string {
  const code = new Set(
    blocksIn(text).flatMap(({ line, lines }) => Array.from({ length: lines.length + 2 }, (_, index) => line + index)),
  );
  return text
    .split('\n')
    .filter((_, index) => !code.has(index + 1))
    .join('\n')
    .replace(/`[^`\n]*`/g, '');
}

/** Returns the anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm);
  const seen = new Map<string, number>();
  return [...headings].map(([, heading]) => {
    const anchor = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const earlier = seen.get(anchor) ?? 0;
    seen.set(anchor, earlier + 1);
    return earlier === 0 ? anchor : `${anchor}-${earlier}`;
  });
}

/** Returns the relative links of a document whose file or heading does not exist. */
function brokenLinks(document: string): string[] {
  const links = [...proseOf(textOf(document)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  return links.filter(link => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path, anchor] = link.split('#') as [string, string?];
    const file = path === '' ? document : join(dirname(document), path);
    if (!existsSync(join(project, file))) return true;
    return anchor !== undefined && !anchorsOf(textOf(file)).includes(anchor);
  });
}

describe.each(documents)('the references in %s', document => {
  it('the links of a page lead only to existing files and headings', () => {
    expect(brokenLinks(document)).toEqual([]);
  });

  it('a page names only existing files and folders of the project', () => {
    const named = textOf(document).matchAll(/`((?:src|test|docs|schema|bench|\.ci|\.github)\/[\w./-]*)`/g);
    // What a program generates is not in a fresh checkout.
    const missing = [...named]
      .map(([, path]) => path!)
      .filter(path => !path.includes('/generated/') && !existsSync(join(project, path)));
    expect(missing).toEqual([]);
  });
});

it('docs/README.md lists every page of docs', () => {
  const listed = [...textOf('docs/README.md').matchAll(/^- \[(.+)\]\(\1\): /gm)].map(([, page]) => page!);
  expect(listed.filter(page => !page.startsWith('../')).toSorted()).toEqual(
    readdirSync(join(project, 'docs'))
      .filter(name => name.endsWith('.md') && name !== 'README.md')
      .toSorted(),
  );
});
