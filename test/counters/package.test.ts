import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const checkout = resolve(import.meta.dirname, '../..');
const engine = join(checkout, 'src/counters');

/** The part of a package.json that names what the package needs. */
interface Needs {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const needsOf = (folder: string): Needs => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Needs;
const { peerDependencies = {} } = needsOf(engine);

/** Returns the folders of the packages of this checkout that a package depends on, and that these depend on. */
function dependenciesOf(folder: string): string[] {
  const own = Object.keys(needsOf(folder).dependencies ?? {}).map(name => join(checkout, 'node_modules', name));
  return [...new Set(own.flatMap(one => [one, ...dependenciesOf(one)]))];
}

/** A tarball that npm has made, and what is in it. */
interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

describe("the engine's package, installed by npm beside MikroORM", () => {
  const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-counters-'));
  let packed: readonly string[];

  /** Runs npm without the settings of the npm that runs the tests, and returns what it printed. */
  async function npm(parameters: readonly string[], cwd: string): Promise<string> {
    const env = { PATH: process.env['PATH'], HOME: folder, npm_config_update_notifier: 'false' };
    return (await promisify(execFile)('npm', parameters, { cwd, env })).stdout;
  }

  /** Runs a file of the folder, and returns what it printed. */
  async function run(file: string): Promise<string> {
    return (await promisify(execFile)(process.execPath, [file], { cwd: folder, env: { PATH: process.env['PATH'] } }))
      .stdout;
  }

  beforeAll(async () => {
    const pack = async (of: string): Promise<Packed> =>
      // Not by prepack: it would build what other tests are running.
      (JSON.parse(await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], of)) as [Packed])[0];
    const all = [await pack(engine)];
    packed = all[0]!.files.map(({ path }) => path);
    for (const dependency of dependenciesOf(engine)) all.push(await pack(dependency));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    // Without the peers, for which it would ask the network; those of this checkout take their place.
    const install = ['install', '--offline', '--legacy-peer-deps', '--no-audit', '--no-fund'];
    await npm([...install, ...all.map(({ filename }) => `./${filename}`)], folder);
    for (const name of Object.keys(peerDependencies)) {
      const place = join(folder, 'node_modules', name);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(join(checkout, 'node_modules', name), place);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('the installed package has the build, the source, the examples and the documents, and no test', () => {
    expect(packed).toEqual(
      expect.arrayContaining([
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'dist/index.d.ts',
        'dist/index.js',
        'examples/blog.ts',
        'examples/forum.ts',
        'examples/shop.ts',
        'package.json',
        'src/index.ts',
      ]),
    );
    const expected =
      /^(?:dist\/.+\.(?:js|d\.ts|js\.map)|examples\/(?:blog|forum|shop)\.ts|src\/.+\.ts|[A-Z]+(?:\.md)?|package\.json)$/;
    expect(packed.filter(path => !expected.test(path))).toEqual([]);
    expect(packed.filter(path => /test|spec/.test(path))).toEqual([]);
  });

  it('the installed package runs its example of counts', async () => {
    copyFileSync(join(engine, 'examples/blog.ts'), join(folder, 'blog.ts'));
    expect((await run('blog.ts')).split('\n')).toEqual([
      'Created two posts and three comments: News 2 (1), Recipes 1 (1)',
      'Approved a comment: News 2 (2), Recipes 1 (1)',
      'Moved it to the other post: News 1 (1), Recipes 2 (2)',
      'Deleted it softly: News 1 (1), Recipes 1 (1)',
      'Restored it: News 1 (1), Recipes 2 (2)',
      'Deleted it again and removed its row: News 1 (1), Recipes 1 (1)',
      'Inserted 100 comments: News 101 (1), Recipes 1 (1)',
      'Deleted those that are not approved: News 1 (1), Recipes 1 (1)',
      'COUNTER_BYPASS: em.nativeDelete() on Comment would write past Post.commentCount and Post.approvedCount. Use em.remove(), or deleteWhere() of the counters for many rows.',
      'Another program added a comment: News 1 (1), Recipes 1 (1)',
      'Post.commentCount of post 2 is 1, but there are 2 rows',
      'Post.approvedCount of post 2 is 1, but there are 2 rows',
      'Recounted: News 1 (1), Recipes 2 (2)',
      '',
    ]);
  });

  it('the installed package runs its example of sums', async () => {
    copyFileSync(join(engine, 'examples/shop.ts'), join(folder, 'shop.ts'));
    expect((await run('shop.ts')).split('\n')).toEqual([
      'Created two orders. Ada 11: 1 (0), 12 pieces; Ben 0: 0 (0), 0 pieces',
      'Priced a line. Ada 11: 20.9 (0), 12 pieces; Ben 0: 0 (0), 0 pieces',
      'Paid it. Ada 11: 20.9 (19.9), 12 pieces; Ben 0: 0 (0), 0 pieces',
      "In memory, Ben's total is 19.9",
      'Moved it to the other order. Ada 10: 1 (0), 10 pieces; Ben 1: 19.9 (19.9), 2 pieces',
      'Inserted a discount and another line. Ada 10: 1 (0), 10 pieces; Ben 3: 22.15 (19.9), 5 pieces',
      'Doubled the amounts. Ada 10: 1 (0), 10 pieces; Ben 3: 44.3 (39.8), 5 pieces',
      'Cancelled all lines of an order. Ada 0: 0 (0), 0 pieces; Ben 3: 44.3 (39.8), 5 pieces',
      'COUNTER_ASSIGNED: Order.total is a stored count and was assigned "0.00". Remove the assignment on 2: the counters engine alone writes it.',
      'Order.total is 44.3, but the rows add up to 44.33: -0.03',
      'Order.paid is 39.8, but the rows add up to 39.81: -0.01',
      'Repaired 1 order. Ada 0: 0 (0), 0 pieces; Ben 3: 44.33 (39.81), 5 pieces',
      '',
    ]);
  });

  it('the installed package runs its example of several relations', async () => {
    copyFileSync(join(engine, 'examples/forum.ts'), join(folder, 'forum.ts'));
    expect((await run('forum.ts')).split('\n')).toEqual([
      'Created two boards, two threads and three posts. Cooking: 2 threads, 3 posts; Travel: 0 threads, 0 posts (Soup 2, Noodles 1)',
      'Moved a post. Cooking: 2 threads, 3 posts; Travel: 0 threads, 0 posts (Soup 1, Noodles 2)',
      'In memory, Cooking has 1 post, and Travel has 3',
      'Moved a thread. Cooking: 1 threads, 1 posts; Travel: 1 threads, 3 posts (Soup 1, Noodles 3)',
      'Deleted a post softly. Cooking: 1 threads, 1 posts; Travel: 1 threads, 2 posts (Soup 1, Noodles 2)',
      'Inserted 100 posts. Cooking: 1 threads, 51 posts; Travel: 1 threads, 52 posts (Soup 51, Noodles 52)',
      'Moved all threads of a board. Cooking: 2 threads, 103 posts; Travel: 0 threads, 0 posts (Soup 51, Noodles 52)',
      'Deleted all posts of a thread. Cooking: 2 threads, 52 posts; Travel: 0 threads, 0 posts (Soup 0, Noodles 52)',
      'Thread.postCount of 1 is 0, but there are 1 rows',
      'Board.postCount of 1 is 52, but there are 53 rows',
      'Recounted. Cooking: 2 threads, 53 posts; Travel: 0 threads, 0 posts (Soup 1, Noodles 52)',
      '',
    ]);
  });

  it('the installed package runs the quick start of its README, which is short', async () => {
    const [, code = ''] = /## Quick start\n[^]*?```ts\n([^]*?)```/.exec(
      readFileSync(join(engine, 'README.md'), 'utf8'),
    )!;
    expect(code.split('\n').filter(line => line !== '').length).toBeLessThanOrEqual(22);
    writeFileSync(join(folder, 'quick-start.ts'), code);
    expect(await run('quick-start.ts')).toBe(`${/\/\/ (\d+)\n$/.exec(code)![1]}\n`);
  });
});
