import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { placeToRun, watch } from '../support/command-line.ts';

it("MikroORM's own commands find that the migrations make what the entities need", async () => {
  const { databaseUrl, folder, run, leave } = placeToRun();
  expect(await run(['migrate', 'up'])).toMatchObject({ code: 0 });
  const checkout = resolve(import.meta.dirname, '../..');
  const { code, stdout } = await watch(
    spawn('npx', ['mikro-orm', 'migration:check'], {
      cwd: checkout,
      env: { PATH: process.env['PATH'], HOME: folder, DATABASE_URL: databaseUrl },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  ).ended;
  expect(stdout).toContain('No changes required');
  expect(code).toBe(0);
  leave();
});
