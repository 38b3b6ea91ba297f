/**
 * The parts of a program in a profile: who takes the processor's time. A function of V8 or of Node's C++ code counts
 * for the code that called it, and so does code that is generated.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Profiler as V8 } from 'node:inspector';
import type { Profile } from './profiler.ts';

/** The processor time of parts of a program, by their names, in milliseconds. */
export type PartTimes = ReadonlyMap<string, number>;

const GARBAGE = 'collection of garbage, main thread';
const OUTSIDE = 'V8 and Node outside of any function';
/** What V8 calls the time in no function of the program. */
const ROOTS: Readonly<Record<string, string | null>> = {
  '(idle)': null,
  '(program)': OUTSIDE,
  '(garbage collector)': GARBAGE,
  '(root)': OUTSIDE,
};

const project = fileURLToPath(new URL('../../', import.meta.url));

/** A line of a bundle with the name of the file that what follows is from. */
const ORIGIN = /^\/\/ ((?:dist|src|node_modules|\.\.\/)\S*\.[cm]?js)$/;

/** Returns the time of each part: the thread's processor time, divided as the samples are. */
export function partTimes({ profile, threadMilliseconds }: Profile): PartTimes {
  const parts = new Map<number, string | null>();
  const nodes = new Map(profile.nodes.map(node => [node.id, node]));
  const visit = (node: V8.ProfileNode, outer: string | null): void => {
    const { functionName, url, lineNumber } = node.callFrame;
    const part = functionName in ROOTS ? ROOTS[functionName]! : (partOf(url, lineNumber + 1) ?? outer);
    parts.set(node.id, part);
    for (const id of node.children ?? []) visit(nodes.get(id)!, part);
  };
  visit(profile.nodes[0]!, OUTSIDE);
  const samples = new Map<string, number>();
  let all = 0;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const part = parts.get(id);
    if (part == null) continue;
    const time = Math.max(0, profile.timeDeltas?.[index] ?? 0);
    samples.set(part, (samples.get(part) ?? 0) + time);
    all += time;
  }
  return new Map([...samples].map(([part, time]) => [part, (time / all) * threadMilliseconds]));
}

/** Returns the part that a line of a file belongs to; null: it is that of its caller. */
function partOf(url: string, line: number): string | null {
  if (url === '') return null;
  if (url.startsWith('node:')) return 'Node.js';
  const file = url.startsWith('file:') ? fileURLToPath(url) : url;
  const origin =
    file.startsWith(`${project}dist/command-line/`) || file.startsWith(`${project}dist/cli/`)
      ? originOf(file, line)
      : file.replace(project, '');
  const library = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(origin)?.[1];
  if (library !== undefined) return library;
  const [, folder] = /^(?:src\/)?(counters|dist\/[^/]+)\//.exec(origin) ?? [];
  if (folder === 'counters') return 'mikro-orm-counters';
  return folder === undefined ? 'its own program' : folder.replace('dist/', 'src/');
}

const origins = new Map<string, readonly { readonly line: number; readonly file: string }[]>();

/** Returns the file that a line of a bundle is from. */
function originOf(bundle: string, line: number): string {
  let of = origins.get(bundle);
  if (!of) {
    const lines = existsSync(bundle) ? readFileSync(bundle, 'utf8').split('\n') : [];
    of = lines.flatMap((text, index) => {
      const file = ORIGIN.exec(text)?.[1];
      return file === undefined ? [] : [{ line: index + 1, file }];
    });
    origins.set(bundle, of);
  }
  return of.findLast(one => one.line <= line)?.file ?? bundle.replace(project, '');
}
