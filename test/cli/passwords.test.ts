import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, expect, it } from 'vitest';
import { programWith } from '../../src/cli/program.js';
import { openDatabase } from '../../src/database/database.js';
import { placeToRun } from '../support/command-line.js';
import { describeOnServers, freshUrl } from '../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoTables, djangoUsers } from '../support/django-tables.js';
import { inTerminal } from '../support/terminal.js';

const place = placeToRun();
afterAll(() => place.leave());

/** Nothing listens there. */
const nowhere = '127.0.0.1:9';

/** The forms in which people write a URL with a password. */
const forms = [
  `mysql://reader:S3cretWord@${nowhere}/django`,
  `mysql://reader:S3cret'Word@${nowhere}/django`,
  `mysql://reader:S3cret Word@${nowhere}/django`,
  `postgresql://reader%3AS3cretWord@${nowhere}/django`,
  `postgresql://reader@${nowhere}/django?password=S3cretWord`,
  `mariadb://reader@${nowhere}/django?passwd=S3cretWord`,
  `jdbc:mysql://${nowhere}/django?user=reader&password=S3cretWord`,
  'host=127.0.0.1 port=9 user=reader password=S3cretWord',
  `http://reader:S3cretWord@${nowhere}/graphql`,
  `https://${nowhere}/graphql?token=S3cretWord`,
];

/** Returns each option that takes a URL, after the words of its command. */
function optionsWithUrl(command: Command, words: readonly string[] = []): string[][] {
  const own = command.options.filter(({ flags }) => /url/i.test(flags)).map(({ long }) => [...words, long!]);
  return [...own, ...command.commands.flatMap(one => optionsWithUrl(one, [...words, one.name()]))];
}

it('each option that takes a URL refuses one with a password, and neither shows it nor advises to write it there', async () => {
  const options = optionsWithUrl(await programWith(undefined, () => undefined));
  expect(options.map(words => words.join(' ')).toSorted()).toEqual([
    'adopt --from',
    'doctor --url',
    'import database --from',
  ]);
  for (const words of options)
    for (const form of forms) {
      const check = words[0] === 'adopt' ? ['--check'] : [];
      const { code, stdout, stderr } = await place.run([...words, form, ...check]);
      expect([words, form, code]).toEqual([words, form, expect.toSatisfy(one => one === 1 || one === 2)]);
      expect([form, stdout]).toEqual([form, '']);
      expect(stderr).not.toMatch(/S3cr|:PASSWORD|Start it/);
    }
});

/** Returns each option that takes a value of its own, or a part of what commands are told, after the words of its command. */
function optionsOf(command: Command, words: readonly string[] = []): [words: string, about: string, takes: boolean][] {
  return [
    ...command.options.map(({ long, flags, description, required, optional }): [string, string, boolean] => [
      [...words, long!].join(' '),
      `${flags} ${description}`,
      required || optional,
    ]),
    ...command.registeredArguments.map((one): [string, string, boolean] => [
      [...words, `<${one.name()}>`].join(' '),
      `${one.name()} ${one.description}`,
      true,
    ]),
    ...command.commands.flatMap(one => optionsOf(one, [...words, one.name()])),
  ];
}

/** The options that take a secret, each with the variable that has it where nobody sees it. */
const secrets = new Map([['doctor --token', 'DOCTOR_TOKEN']]);

/** The options that only speak of one. */
const aboutSecrets = ['adopt --from', 'import database --from', 'token --user'];

it('each option that takes a secret has a variable in its place, which the help names', async () => {
  const told = optionsOf(await programWith(undefined, () => undefined))
    .filter(([, about, takes]) => takes && /token|secret|password|credential|api.?key|bearer/i.test(about))
    .map(([words]) => words);
  expect(told.toSorted()).toEqual([...secrets.keys(), ...aboutSecrets].toSorted());
  for (const [words, variable] of secrets) {
    const [command] = words.split(' ');
    const { stdout } = await place.run([command!, '--help']);
    expect(stdout).toContain(variable);
  }
});

it('a token on the command line is warned of, and one that is set or typed is sent and not shown', async () => {
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"errors":[{"message":"no"}]}');
  });
  const seen: (string | undefined)[] = [];
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const words = ['doctor', '--url', url];
  const sent = (): (string | undefined)[] => [...new Set(seen.splice(0).filter(Boolean))];
  try {
    const given = await place.run([...words, '--token', 'S3cretWord']);
    expect(given.stderr).toMatch(/^All users of this machine can see the token of --token .* Set DOCTOR_TOKEN/);
    expect(sent()).toEqual(['Bearer S3cretWord']);
    for (const more of [[], ['--token']]) {
      const { stdout, stderr } = await place.run([...words, ...more], { DOCTOR_TOKEN: 'S3cretWord' });
      expect([stdout + stderr, stderr]).toEqual([expect.not.stringContaining('S3cr'), '']);
      expect(sent()).toEqual(['Bearer S3cretWord']);
    }
    // A mistake in another variable does not lose it.
    await place.run(words, { DOCTOR_TOKEN: 'S3cretWord', PORT: 'none' });
    expect(sent()).toEqual(['Bearer S3cretWord']);
    expect(await place.run(words)).toMatchObject({ stderr: '' });
    expect(sent()).toEqual([]);
    expect(await place.run([...words, '--token'])).toMatchObject({
      code: 1,
      stderr: 'There is no terminal on which to ask for the token. Set DOCTOR_TOKEN.\n',
    });
    const typed = inTerminal(place, { cols: 200, rows: 60 }, [...words, '--token']);
    await typed.wrote(`Token for ${url}: `);
    typed.type('S3cretWord\r');
    expect((await typed.ended).lines.join('\n')).not.toContain('S3cr');
    expect(sent()).toEqual(['Bearer S3cretWord']);
    const left = inTerminal(place, { cols: 200, rows: 60 }, [...words, '--token']);
    await left.wrote(`Token for ${url}: `);
    left.type('\u0004');
    expect((await left.ended).code).toBe(1);
    expect(sent()).toEqual([]);
  } finally {
    server.close();
  }
});

it('a URL in a wrong place of the command line is not repeated with its password', async () => {
  for (const url of forms.slice(0, 3))
    for (const words of [
      [url],
      ['import', url],
      ['verify', url],
      ['adopt', '--form', url],
      ['recount', `--x=${url}`],
    ]) {
      const { code, stdout, stderr } = await place.run(words);
      expect([words, code, stdout]).toEqual([words, 2, '']);
      expect(stderr).not.toContain('S3cr');
    }
});

it('who gave a password on the command line is told to change it', async () => {
  expect((await place.run(['import', 'database', '--from', forms[0]!])).stderr).toBe(
    'Leave the password out of --from: all users of this machine can see it in the list of processes. Set FROM_PASSWORD, or type the password when the command asks for it. This one was visible, and is in the history of the shell: change it.\n',
  );
});

it('a password that is typed is not shown, and Ctrl+C or Ctrl+D in its place ends the command', async () => {
  const parameters = ['import', 'database', '--from', `mysql://reader@${nowhere}/django`];
  const typed = inTerminal(place, { cols: 200, rows: 24 }, parameters);
  await typed.wrote(`Password of reader at ${nowhere}: `);
  typed.type('S3cretWord\r');
  const { code, lines } = await typed.ended;
  expect(code).toBe(1);
  expect(lines.join('\n')).toContain('The database does not answer');
  expect(lines.join('\n')).not.toContain('S3cr');

  for (const keys of ['S3cr\u0003', '\u0004']) {
    const left = inTerminal(place, { cols: 200, rows: 24 }, parameters);
    await left.wrote('Password of reader');
    left.type(keys);
    const end = await left.ended;
    expect(end.code).toBe(1);
    expect(end.lines.map(line => line.trim()).filter(Boolean)).toEqual([
      `Password of reader at ${nowhere}:`,
      'No password was typed, so nothing was done.',
    ]);
  }
});

describeOnServers('the password of another database', kind => {
  it('the password of another database is in no output and in no file, whether it is right or wrong', async () => {
    const { url, drop } = freshUrl(kind);
    const theirs = await openDatabase(url);
    await theirs.schema.ensureDatabase();
    const run = (sql: string): Promise<unknown> => theirs.em.getConnection().execute(sql, [], 'run');
    const name = `reader_${randomUUID().slice(0, 8)}`;
    const account = kind === 'postgresql' ? name : `'${name}'@'%'`;
    const own = placeToRun();
    try {
      for (const sql of [
        ...djangoTables(kind),
        djangoUsers([{ id: 1, email: 'a@school.example' }]),
        djangoCourses([{ id: 1 }]),
        djangoEnrollments([[1, 1, 1]]),
        `create user ${account} ${kind === 'postgresql' ? 'password' : 'identified by'} 'S3cretWord'`,
        kind === 'postgresql'
          ? `grant select on all tables in schema public to ${name}`
          : `grant select on ${new URL(url).pathname.slice(1)}.* to ${account}`,
      ])
        await run(sql);
      const from = Object.assign(new URL(url), { username: name, password: '' }).href;
      const outputs: string[] = [];
      for (const [password, words, code] of [
        // The server that tests start lets everybody in.
        ...(kind === 'postgresql' ? [] : [['S3cretWrong', ['import', 'database', '--from', from], 1] as const]),
        ['S3cretWord', ['adopt', '--check', '--json', '--from', from], 0],
        ['S3cretWord', ['adopt', '--check', '--write-map', '--from', from], 0],
        ['S3cretWord', ['import', 'database', '--from', from], 0],
        ['S3cretWord', ['recount'], 0],
      ] as const) {
        const ended = await own.run(words, { FROM_PASSWORD: password });
        expect({ words, ...ended }).toMatchObject({ words, code });
        outputs.push(ended.stdout, ended.stderr);
      }
      const files = readdirSync(own.folder, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
      expect(files.length).toBeGreaterThan(1);
      for (const text of [...outputs, ...files]) expect(text.includes('S3cr')).toBe(false);
    } finally {
      if (kind === 'postgresql') await run(`drop owned by ${name}`);
      await run(`drop user ${account}`);
      await theirs.close(true);
      await drop();
      own.leave();
    }
  });
});
