import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
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
  it('is in no output and in no file, whether it is right or wrong', async () => {
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
