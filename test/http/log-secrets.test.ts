import { afterEach, beforeEach, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';
import { mutate } from '../support/mutations.js';

describeOnEach('the log', kind => {
  let log: KeptLog;
  let api: Api;

  beforeEach(async () => {
    log = keptLog();
    api = await startApi(kind, { logger: log.logger });
    log.clear();
  });
  afterEach(() => api.stop());

  it('the log never contains a token or an email, wherever it comes from', async () => {
    const token = await api.token(Role.ADMIN, null);
    const email = 'ada.lovelace+1@mail.example.org';
    await mutate(api, token, 'createUser', { name: 'Ada', email });
    // A mutation that fails, with its email in a userError and in the error of the database.
    await api.send(
      token,
      'mutation ($input: CreateUserInput!) { createUser(input: $input) { userErrors { message } } }',
      { input: { name: 'Ada', email } },
    );
    await api.send(
      token,
      `mutation { createUser(input: { name: "Ada", email: "${email}", role: NOBODY }) { user { id } } }`,
    );
    await api.send(token, 'mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }', {
      input: { name: 'Ada', email, token },
    });
    await api.send(`${token}x`, '{ me { id } }', { email });
    await fetch(
      `${api.url}?${new URLSearchParams({ query: '{ me { id } }', variables: JSON.stringify({ email, token }) })}`,
      { headers: { 'apollo-require-preflight': 'true', authorization: token } },
    );
    for (const path of [`/users/${email}`, `/users/${encodeURIComponent(email)}?email=${email}`, `/${token}`])
      await fetch(new URL(path, api.url), { headers: { 'x-request-id': token } });
    await fetch(api.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"email":"${email}`,
    });
    await api.database.em.getConnection().execute('alter table core_user rename to core_user_gone');
    await api.send(token, 'mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }', {
      input: { name: 'Ada', email },
    });
    const lines = await log.requests(11);
    expect(lines).toHaveLength(11);
    expect(log.lines().find(({ errorId }) => errorId)).toMatchObject({
      err: { message: expect.stringContaining('core_user') },
    });
    for (const secret of [token, token.split('.')[2]!, email, encodeURIComponent(email), 'lovelace'])
      expect(log.text()).not.toContain(secret);
  });

  it("the log contains no email even where the database's own error carries it", async () => {
    const email = 'ada.lovelace@example.org';
    const insert = () =>
      api.database.em
        .getConnection()
        .execute(
          `insert into core_user (name, email, role, created_at, updated_at) values ('Ada', '${email}', 'student', '2026-01-01', '2026-01-01')`,
          [],
          'run',
        );
    await insert();
    const error = await insert().then(
      () => expect.fail('The email was taken twice.'),
      (thrown: Error) => thrown,
    );
    log.logger.error({ err: error }, 'a request failed');
    // Servers repeat the value; SQLite names the column only.
    if (kind !== 'sqlite') expect(JSON.stringify({ ...error, message: error.message })).toContain(email);
    const ofMySql = { message: expect.stringContaining('Duplicate entry [email] for key') };
    expect(log.lines()).toMatchObject([
      {
        err: {
          sqlite: { message: expect.stringContaining('core_user.email') },
          mysql: ofMySql,
          mariadb: ofMySql,
          postgresql: { detail: expect.stringContaining('(email)=([email])') },
        }[kind],
      },
    ]);
    expect(log.text()).not.toContain('lovelace');
  });
});
