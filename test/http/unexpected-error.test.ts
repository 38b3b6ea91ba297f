import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { refuseInGraphqlShape } from '../../src/http/answers/refusals.js';
import { requestIdOf } from '../../src/http/observability/request-id.js';
import { requestLog } from '../../src/http/observability/request-log.js';
import { followRequests } from '../../src/http/observability/request-record.js';
import { keptLog } from '../support/log-lines.js';

it('the log of requests has an unexpected error before GraphQL in full', async () => {
  const log = keptLog();
  const app = fastify({ genReqId: requestIdOf });
  followRequests(app, log.logger, [requestLog(log.logger)]);
  refuseInGraphqlShape(app);
  app.get('/', () => Promise.reject(new Error('broken')));
  expect((await app.inject({ url: '/', headers: { 'x-request-id': 'broken-2' } })).statusCode).toBe(500);
  const [request] = await log.requests(1);
  expect(request).toMatchObject({
    level: 40,
    requestId: 'broken-2',
    status: 500,
    errorCodes: ['INTERNAL_SERVER_ERROR'],
  });
  expect(log.lines()[0]).toMatchObject({
    level: 50,
    requestId: 'broken-2',
    err: { message: 'broken', stack: expect.stringContaining('at ') as string },
  });
  await app.close();
});
