import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeToRun, type Place } from '../support/command-line.js';
import { answerToBytes } from '../support/raw-http.js';

let place: Place;

beforeEach(() => {
  place = placeToRun();
});
afterEach(() => place.leave());

const lastLine = 'Ctrl+C stops the server.';

/** Returns the URL and the tokens, by role, that the start message shows. */
function shownIn(stdout: string): { url: string; query: string; tokens: Record<string, string> } {
  const tokens = [...stdout.matchAll(/^ {2}(admin|teacher|student)(?: \(user \d+\))?\n {2}(ey\S+)$/gm)].map(
    ([, role, token]) => [role, token],
  );
  return {
    url: /ready at (\S+)/.exec(stdout)![1]!,
    query: /A query to paste:\n\n([\s\S]*?\n {4}\})/.exec(stdout)![1]!,
    tokens: Object.fromEntries(tokens) as Record<string, string>,
  };
}

async function ask(url: string, query: string, token?: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json();
}

describe('serve', () => {
  it('serve fills an empty database, shows the URL, working tokens and a query, ends on SIGTERM, and keeps the data at the next start', async () => {
    const first = place.start(['serve']);
    const { url, query, tokens } = shownIn(await first.says(lastLine));
    expect(Object.keys(tokens)).toEqual(['admin', 'teacher', 'student']);
    const answer = (await ask(url, query)) as {
      data: { courses: { totalCount: number; nodes: { totalEnrollments: number }[] } };
    };
    expect(answer.data.courses.nodes).toHaveLength(5);
    expect(answer.data.courses.nodes[0]!.totalEnrollments).toBeGreaterThan(500);
    for (const [role, token] of Object.entries(tokens))
      expect(await ask(url, '{ me { role email } }', token)).toEqual({
        data: { me: { role: role.toUpperCase(), email: expect.stringContaining('@example.org') } },
      });
    expect(await ask(url, '{ courses { totalCount } }', tokens['admin'])).toEqual({
      data: { courses: { totalCount: 200 } },
    });
    // This tests the built program: a bundler may drop a call whose only purpose is its error.
    expect(await answerToBytes(url, 'GET /%ff HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')).toMatchObject(
      { status: 400, body: expect.stringContaining('"code":"BAD_REQUEST"') },
    );
    first.process.kill('SIGTERM');
    const ended = await first.ended;
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(
      /Applied the migration .*\nAdding sample data: 200 courses, 2,000 students, 30,000 enrollments\n/,
    );

    const second = place.start(['serve']);
    const shown = shownIn(await second.says(lastLine));
    expect(await ask(shown.url, query)).toEqual(answer);
    second.process.kill('SIGINT');
    expect(await second.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('serve shows tokens of existing users when it adds no sample data', async () => {
    const command = place.start(['serve'], { SAMPLE_DATA: 'false' });
    const { url, tokens } = shownIn(await command.says(lastLine));
    expect(Object.keys(tokens)).toEqual(['admin']);
    expect(await ask(url, '{ courses { totalCount } }', tokens['admin'])).toEqual({
      data: { courses: { totalCount: 0 } },
    });
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });

  it('serve prints no token, adds no sample data and logs JSON lines only in production', async () => {
    const command = place.start(['serve'], {
      NODE_ENV: 'production',
      JWT_SECRET: 'a secret of more than thirty-two bytes',
    });
    const stdout = await command.says('listening');
    const url = /http:\/\/[^"\s]+/.exec(stdout)![0];
    expect(await ask(`${url}/graphql`, '{ courses { totalCount } }')).toEqual({ data: { courses: { totalCount: 0 } } });
    command.process.kill('SIGTERM');
    const ended = await command.ended;
    expect(ended.code).toBe(0);
    expect(ended.stdout).not.toContain('eyJ');
    for (const line of ended.stdout.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) });
  });

  it('serve reports every mistake in the trusted documents, and neither starts nor makes the database', async () => {
    writeFileSync(join(place.folder, 'mistake.graphql'), '{ nothing }');
    writeFileSync(join(place.folder, 'manifest.json'), '{');
    const { code, stdout, stderr } = await place.run(['serve'], { TRUSTED_DOCUMENTS: place.folder });
    expect([code, stdout, existsSync(join(place.folder, 'data'))]).toEqual([1, '', false]);
    expect(stderr).toMatch(
      /^TRUSTED_DOCUMENTS is ".+", where 2 things are wrong:\n {2}- .+manifest\.json is not JSON .+\n {2}- .+mistake\.graphql Cannot query field "nothing" .+\n$/,
    );
  });

  it('serve says that its port is in use, on one line', async () => {
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await place.run(['serve'], {
      PORT: String(port),
      SAMPLE_DATA: 'false',
      LOG_LEVEL: 'silent',
    });
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(
      `Port ${port} of 127.0.0.1 is in use. Stop the program that listens there, or set PORT to another port; 0 takes any free one.`,
    );
    expect(code).toBe(1);
    const metrics = await place.run(['serve'], {
      METRICS: `127.0.0.1:${port}`,
      SAMPLE_DATA: 'false',
      LOG_LEVEL: 'silent',
    });
    expect([metrics.code, metrics.stderr.trimEnd()]).toEqual([
      1,
      `Port ${port} of 127.0.0.1 is in use. Stop the program that listens there, or set METRICS to another port; 0 takes any free one.`,
    ]);
    await new Promise(resolve => other.close(resolve));
  });
});

it('sample data are rejected in production', async () => {
  const { code, stderr } = await place.run(['seed'], {
    NODE_ENV: 'production',
    JWT_SECRET: 'a secret of more than thirty-two bytes',
  });
  expect(stderr).toMatch(/^Sample data are not allowed in production\./);
  expect(code).toBe(1);
});
