import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as byName from 'mikro-orm-counters';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';

const project = fileURLToPath(new URL('../..', import.meta.url));

describe('the copies of the engine in a process', () => {
  it("tests load one copy of the engine's source, by its name and by its path", async () => {
    const byPath = await import('../../src/counters/src/index.js');
    expect(Object.entries(byPath)).toEqual(Object.entries(byName));
    const database = await openDatabase('sqlite::memory:');
    expect(database.em).toBeInstanceOf(byName.CountingEntityManager);
    await database.close();
  });

  it("node loads one copy of the engine's build, in the application and by its name", async () => {
    const program = `
      import { CountingEntityManager } from 'mikro-orm-counters';
      import { openDatabase } from './dist/database/database.js';
      const database = await openDatabase('sqlite::memory:');
      console.log(JSON.stringify([database.em instanceof CountingEntityManager, import.meta.resolve('mikro-orm-counters')]));
      await database.close();`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program],
      { cwd: project },
    );
    expect(JSON.parse(stdout)).toEqual([true, new URL('../../src/counters/dist/index.js', import.meta.url).href]);
  });

  it('the bundled command line contains the engine and loads no other copy', () => {
    const files = [
      'dist/cli/main.js',
      ...readdirSync(join(project, 'dist/command-line')).map(name => `dist/command-line/${name}`),
    ];
    const texts = files.filter(name => name.endsWith('.js')).map(name => readFileSync(join(project, name), 'utf8'));
    expect(texts.flatMap(text => text.match(/\bCountingEntityManager = class\b/g) ?? [])).toHaveLength(1);
    expect(
      texts
        .flatMap(text => text.match(/\b(?:from|import\() ?["'].*counters\/?.*["']/g) ?? [])
        .filter(found => !found.includes('./')),
    ).toEqual([]);
  });
});
