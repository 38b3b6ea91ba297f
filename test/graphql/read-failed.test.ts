import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { startServer } from '../../src/http/server.js';
import { issueToken } from '../../src/access/tokens.js';
import { addCourse, addUser, storedAndActual } from '../support/api.js';
import { startBreakingProxy } from '../support/breaking-proxy.js';
import { describeOnServers, freshDatabase } from '../support/databases.js';

describeOnServers('a database that goes away after a change was saved and before its answer was read', kind => {
  it('a database that goes away before the answer is read does not make the caller believe that nothing was changed: READ_FAILED', async () => {
    const direct = await freshDatabase(kind);
    const url = new URL(direct.url);
    const proxy = await startBreakingProxy(Number(url.port));
    url.port = String(proxy.port);
    const config = readConfig({ DATABASE_URL: url.href, HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'test' });
    const database = await openDatabase(url.href);
    const server = await startServer({ config, database, logger: pino({ level: 'silent' }) });
    onTestFinished(async () => {
      await server.close();
      await database.close(true);
      await proxy.close();
      await direct.drop();
    });
    const course = await addCourse(direct.database);
    const student = await addUser(direct.database, Role.STUDENT);
    const token = await issueToken(config.jwt, { role: Role.STUDENT, userId: student, expiresIn: '1h' });

    proxy.goAfterCommit();
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({
        query: `mutation { enroll(input: { courseId: ${course} }) { course { totalEnrollments } userErrors { code } } }`,
      }),
    });
    expect(await response.json()).toMatchObject({
      errors: [{ message: expect.stringContaining('is saved'), extensions: { code: 'READ_FAILED' } }],
    });
    expect(await storedAndActual(direct.database)).toEqual([{ id: course, stored: [1, 1], actual: [1, 1] }]);
  });
});
