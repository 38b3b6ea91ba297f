import { fastify } from 'fastify';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { traceRequests } from '../../src/http/observability/tracing.js';
import { inTransaction } from '../../src/transactions/transactions.js';
import { addCourse, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';

const exporter = new InMemorySpanExporter();
let provider: NodeTracerProvider;
let waiting: (() => void)[] = [];

/** Emits each ended span after it was kept. */
const teller = {
  onStart: () => undefined,
  onEnd: () => waiting.forEach(look => look()),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

beforeAll(() => {
  provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter), teller] });
  provider.register();
});
afterAll(async () => {
  for (const global of [trace, context, propagation]) global.disable();
  await provider.shutdown();
});

/** Returns all spans once this many requests have ended; a request ends after its client has the answer. */
async function spansOf(requests: number): Promise<readonly ReadableSpan[]> {
  const ended = () => exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER).length >= requests;
  while (!ended()) await new Promise<void>(resolve => (waiting = [resolve]));
  return exporter.getFinishedSpans();
}

describeOnEach('a trace', kind => {
  let api: Api;

  beforeEach(async () => {
    api = await startApi(kind);
    exporter.reset();
  });
  afterEach(() => api.stop());

  it('a trace leads from the request to the operation, the transaction and its statements', async () => {
    const student = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database);
    const token = await api.token(Role.STUDENT, student);
    exporter.reset();
    await api.send(
      token,
      'mutation Join($id: ID!) { enroll(input: { courseId: $id }) { course { totalEnrollments } } }',
      { id: course },
    );
    const spans = await spansOf(1);
    const one = (name: string): ReadableSpan =>
      spans.find(span => span.name === name) ??
      expect.fail(`No span "${name}" among ${spans.map(span => span.name).join(', ')}`);
    const parentOf = (span: ReadableSpan): string | undefined =>
      spans.find(other => other.spanContext().spanId === span.parentSpanContext?.spanId)?.name;
    expect(new Set(spans.map(span => span.spanContext().traceId)).size).toBe(1);
    expect([one('POST /graphql').kind, one('POST /graphql').parentSpanContext]).toEqual([SpanKind.SERVER, undefined]);
    expect(one('POST /graphql').attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/graphql',
      'http.response.status_code': 200,
    });
    expect(parentOf(one('mutation enroll'))).toBe('POST /graphql');
    expect(one('mutation enroll').attributes).toEqual({
      'graphql.operation.type': 'mutation',
      'graphql.operation.name': 'Join',
    });
    expect(parentOf(one('transaction'))).toBe('mutation enroll');
    for (const statement of ['UPDATE core_course', 'INSERT core_enrollments']) {
      expect(parentOf(one(statement)), statement).toBe('transaction');
      expect(one(statement).attributes).toMatchObject({
        'db.system.name': kind,
        'db.query.text': expect.stringContaining('?'),
      });
    }
    expect(one('transaction').events.map(({ name }) => name)).toEqual(expect.arrayContaining(['begin', 'commit']));
    // The rows of the payload are read after the transaction.
    expect(spans.filter(({ name }) => name === 'SELECT core_course').map(parentOf)).toContain('mutation enroll');
  });

  it('a trace continues where the header traceparent says, and is not kept where that says no', async () => {
    const ask = (flags: string) =>
      fetch(api.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`,
        },
        body: '{"query":"{ courses { totalCount } }"}',
      });
    await ask('00');
    await ask('01');
    const spans = await spansOf(1);
    expect(
      spans
        .map(({ name }) => name)
        .filter(name => name !== 'SELECT core_course')
        .toSorted(),
    ).toEqual(['POST /graphql', 'query courses']);
    expect(spans.find(({ name }) => name === 'POST /graphql')!.parentSpanContext).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
    });
  });

  it('a trace contains no value of a statement, no variable, no token and nothing of the query', async () => {
    const token = await api.token(Role.ADMIN, null);
    const email = 'ada.lovelace@example.org';
    await api.send(token, 'mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }', {
      input: { name: 'Ada Secret', email },
    });
    await api.send(token, 'mutation { createCourse(input: { title: "Secret title" }) { course { id } } }');
    await api.send(token, '{ courses(filter: { title: { contains: "Secret" } }) { nodes { title } } }');
    await fetch(
      `${api.url}?${new URLSearchParams({ query: '{ courses(filter: { title: { eq: "Secret" } }) { totalCount } }' })}`,
      { headers: { 'apollo-require-preflight': '1', authorization: `Bearer ${token}` } },
    );
    const spans = await spansOf(4);
    const text = JSON.stringify(
      spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    );
    expect(text).toContain('INSERT core_user');
    for (const secret of ['Secret', 'lovelace', token.split('.')[2]!]) expect(text).not.toContain(secret);
  });

  it('a trace says by codes how an operation ended, and by events that a transaction was run again', async () => {
    await api.send(null, `query ${'N'.repeat(255)} { course(id: "x") { id } }`);
    await api.send(
      await api.token(Role.ADMIN, null),
      'mutation { enroll(input: { courseId: 999, studentId: 999 }) { userErrors { code } } }',
    );
    const ended = await spansOf(2);
    const [failed, refused] = ['query course', 'mutation enroll'].map(one => ended.find(({ name }) => name === one)!);
    expect(failed).toMatchObject({
      attributes: { 'rollcall.error_codes': ['BAD_USER_INPUT'], 'graphql.operation.name': 'N'.repeat(100) },
      status: { code: SpanStatusCode.ERROR },
    });
    expect(refused!.attributes['rollcall.user_error_codes']).toHaveLength(1);
    expect(refused!.status.code).toBe(SpanStatusCode.UNSET);
    exporter.reset();
    let tries = 0;
    const work = () =>
      ++tries === 1 ? Promise.reject(Object.assign(new Error('Deadlock'), { errno: 1213 })) : Promise.resolve();
    await trace
      .getTracer('test')
      .startActiveSpan('test', span => inTransaction(api.database, work).finally(() => span.end()));
    const transaction = exporter.getFinishedSpans().find(({ name }) => name === 'transaction')!;
    expect(
      transaction.events.filter(({ name }) => name === 'retry').map(({ attributes }) => attributes?.['reason']),
    ).toEqual(['deadlock']);
    expect(transaction.events.map(({ name }) => name)).toEqual(['begin', 'rollback', 'retry', 'begin', 'commit']);
  });

  it('a trace contains nothing of polling, nor of statements outside requests', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) await fetch(new URL(path, api.url));
    await api.database.em.getConnection().execute('select 1');
    await fetch(new URL('/nowhere', api.url));
    expect((await spansOf(1)).map(({ name }) => name)).toEqual(['GET']);
  });
});

it('a trace shows by its status a request that failed because of the server', async () => {
  exporter.reset();
  const app = fastify();
  traceRequests(app);
  app.get('/', () => Promise.reject(new Error('broken')));
  await app.inject('/');
  expect(await spansOf(1)).toContainEqual(
    expect.objectContaining({
      name: 'GET /',
      attributes: expect.objectContaining({ 'http.response.status_code': 500 }),
      status: { code: SpanStatusCode.ERROR },
    }),
  );
  await app.close();
});
