import { afterEach, beforeEach, expect, it } from 'vitest';
import { Enrollment, Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach, describeOnServers } from '../support/databases.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { keptLog } from '../support/log-lines.js';
import { growthOf, scrape, type Samples } from '../support/metrics.js';
import { mutate } from '../support/mutations.js';

describeOnEach('the metrics', kind => {
  let api: Api;
  let admin: string;

  beforeEach(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => api.stop());

  const now = (): Promise<Samples> => scrape(api.metricsUrl);

  /** Returns the growth of Rollcall's own counters through some work, without the scrapes. */
  async function growth(work: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = await now();
    await work();
    const { 'rollcall_http_requests_total{route="/metrics",status="200"}': _, ...rest } = growthOf(before, await now());
    return rest;
  }

  it('the metrics count requests and how they ended, by route and by root field', async () => {
    const course = await addCourse(api.database);
    const student = await addUser(api.database, Role.STUDENT);
    const grown = await growth(async () => {
      for (let round = 0; round < 3; round += 1) await api.send(null, 'query AnyName { list: courses { totalCount } }');
      await mutate(api, admin, 'enroll', { courseId: course, studentId: student });
      await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: [student, 999, 998] });
      await api.send(null, '{ course(id: "x") { id } courses { totalCount } }');
      await api.send(null, '{ nothing }');
      await api.send('no-token', '{ courses { totalCount } }');
      await fetch(new URL('/healthz', api.url));
      await fetch(new URL('/nowhere', api.url));
    });
    expect(grown).toEqual({
      'rollcall_http_requests_total{route="/graphql",status="200"}': 6,
      'rollcall_http_requests_total{route="/graphql",status="400"}': 1,
      'rollcall_http_requests_total{route="/graphql",status="401"}': 1,
      'rollcall_http_requests_total{route="/healthz",status="200"}': 1,
      'rollcall_http_requests_total{route="other",status="404"}': 1,
      'rollcall_graphql_requests_total{operation="courses",type="query",outcome="ok"}': 3,
      'rollcall_graphql_requests_total{operation="enroll",type="mutation",outcome="ok"}': 1,
      'rollcall_graphql_requests_total{operation="enrollMany",type="mutation",outcome="user_error"}': 1,
      'rollcall_graphql_requests_total{operation="several",type="query",outcome="error"}': 1,
      'rollcall_graphql_requests_total{operation="invalid",type="none",outcome="error"}': 1,
      'rollcall_graphql_errors_total{code="BAD_USER_INPUT"}': 1,
      'rollcall_graphql_errors_total{code="GRAPHQL_VALIDATION_FAILED"}': 1,
      'rollcall_graphql_errors_total{code="UNAUTHENTICATED"}': 1,
      'rollcall_graphql_errors_total{code="NOT_FOUND"}': 1,
      'rollcall_graphql_user_errors_total{code="ALREADY_ENROLLED"}': 1,
      'rollcall_graphql_user_errors_total{code="NOT_FOUND"}': 2,
      'rollcall_stored_count_updates_total{counter="Course.totalEnrollments"}': 1,
      'rollcall_stored_count_updates_total{counter="Course.activeEnrollments"}': 1,
    });
  });

  it('the metrics hold the durations of requests in buckets that add up', async () => {
    await api.send(null, '{ courses { totalCount } }');
    await api.send(null, '{ courses { totalCount } }');
    const samples = await now();
    const name = 'rollcall_graphql_request_duration_seconds';
    const labels = 'operation="courses",type="query"';
    const buckets = [...samples].filter(([series]) => series.startsWith(`${name}_bucket`)).map(([, count]) => count);
    expect(buckets).toHaveLength(14);
    expect(buckets.toSorted((a, b) => a - b)).toEqual(buckets);
    expect([samples.get(`${name}_bucket{le="+Inf",${labels}}`), samples.get(`${name}_count{${labels}}`)]).toEqual([
      2, 2,
    ]);
    expect(samples.get(`${name}_sum{${labels}}`)).toBeGreaterThan(0);
  });

  it('the metrics have no series that a client could multiply', async () => {
    await api.send(null, 'query A { courses { totalCount } }');
    await now(); // Counts itself only in the next one.
    const before = await now();
    for (let index = 0; index < 20; index += 1) {
      const headers = { 'content-type': 'application/json', 'x-request-id': `id-${index}` };
      const query = `query Name${index} { alias${index}: courses { totalCount } ...F${index} } fragment F${index} on Query { another${index}: courses { totalCount } __typename }`;
      await fetch(`${api.url}?x=${index}`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query, operationName: `Name${index}` }),
      });
      await api.send(null, `query Name${index} { nothing${index} }`);
      await api.send(null, `query Name${index} { __typename t${index}: __schema { queryType { name } } }`);
      await fetch(new URL(`/nowhere/${index}`, api.url));
      await fetch(new URL(`/nowhere/${index}`, api.url), { method: index % 2 ? 'PROPFIND' : 'PUT' });
    }
    const added = [...(await now()).keys()].filter(
      series =>
        series.startsWith('rollcall_') &&
        !before.has(series) &&
        !series.includes('_bucket') &&
        !series.includes('_sum'),
    );
    expect(added.toSorted()).toEqual([
      'rollcall_graphql_errors_total{code="GRAPHQL_VALIDATION_FAILED"}',
      'rollcall_graphql_errors_total{code="NOT_FOUND"}',
      'rollcall_graphql_request_duration_seconds_count{operation="introspection",type="query"}',
      'rollcall_graphql_request_duration_seconds_count{operation="invalid",type="none"}',
      'rollcall_graphql_requests_total{operation="introspection",type="query",outcome="ok"}',
      'rollcall_graphql_requests_total{operation="invalid",type="none",outcome="error"}',
      'rollcall_http_requests_total{route="/graphql",status="400"}',
      'rollcall_http_requests_total{route="other",status="404"}',
    ]);
  });

  it('the metrics count the stored counts that change, by counter', async () => {
    const [course, other] = [await addCourse(api.database), await addCourse(api.database)];
    const students = [await addUser(api.database, Role.STUDENT), await addUser(api.database, Role.STUDENT)];
    const grown = await growth(async () => {
      await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: students });
      const { enrollment } = await mutate(api, admin, 'enroll', { courseId: other, studentId: students[0] });
      await mutate(api, admin, 'setEnrollmentStatus', { enrollmentId: enrollment.id, status: 'DROPPED' });
    });
    expect(grown).toMatchObject({
      'rollcall_stored_count_updates_total{counter="Course.totalEnrollments"}': 2,
      'rollcall_stored_count_updates_total{counter="Course.activeEnrollments"}': 3,
    });
  });

  it('the metrics count rejected bypasses', async () => {
    const grown = await growth(async () => {
      await expect(api.database.em.fork().nativeDelete(Enrollment, { id: 1 })).rejects.toMatchObject({
        code: 'COUNTER_BYPASS',
      });
    });
    expect(grown).toEqual({ 'rollcall_bypasses_refused_total{entity="Enrollment"}': 1 });
  });

  it('the metrics show what was verified, what drifted and what was repaired, and nothing of a verify before the first one', async () => {
    const [course] = [await addCourse(api.database), await addCourse(api.database), await addCourse(api.database)];
    const student = await addUser(api.database, Role.STUDENT);
    await addEnrollment(api.database, course, student);
    await api.database.em
      .getConnection()
      .execute('update core_course set total_enrollments = 5, active_enrollments = 4 where id = ?', [course], 'run');
    expect([...(await now()).keys()].filter(series => series.startsWith('rollcall_last_verify'))).toEqual([]);
    const started = Date.now() / 1000;
    const told = async (mutation: string) =>
      expect(await api.send(admin, `mutation { ${mutation} { userErrors { code } } }`)).toEqual({
        status: 200,
        data: { [mutation]: { userErrors: [] } },
      });
    const verifyAll = () => told('verifyEnrollmentCounts');
    const counts = async (work: () => Promise<unknown>) =>
      Object.fromEntries(Object.entries(await growth(work)).filter(([series]) => /courses|drifts/.test(series)));

    expect(await counts(verifyAll)).toEqual({ rollcall_courses_checked_total: 3, rollcall_drifts_found_total: 2 });
    const first = await now();
    expect(first.get('rollcall_last_verify_drifts')).toBe(2);
    expect(first.get('rollcall_last_verify_timestamp_seconds')).toBeGreaterThanOrEqual(Math.floor(started));
    expect(first.get('rollcall_last_verify_timestamp_seconds')).toBeLessThanOrEqual(Date.now() / 1000);
    expect(first.get('rollcall_last_verify_duration_seconds')).toBeGreaterThan(0);

    expect(await counts(() => told('recountEnrollments'))).toEqual({
      rollcall_courses_checked_total: 3,
      rollcall_drifts_found_total: 2,
      rollcall_drifts_repaired_total: 2,
    });
    expect(await counts(verifyAll)).toEqual({ rollcall_courses_checked_total: 3 });
    expect((await now()).get('rollcall_last_verify_drifts')).toBe(0);
  });
});

describeOnServers('the metrics', kind => {
  it('the metrics count a deadlock and the retry that made up for it, and the log line of the request names the retry', async () => {
    const log = keptLog();
    const api = await startApi(kind, { logger: log.logger });
    const [low, high] = [await addCourse(api.database), await addCourse(api.database)];
    const student = await addUser(api.database, Role.STUDENT);
    const enrollment = await addEnrollment(api.database, low, student);
    // The database rolls back the transaction that has written less: the service's, which has only locked.
    const rival = api.database.em.fork();
    await rival.begin();
    await rival.execute('update core_course set capacity = 50 where id = ?', [high], 'run');
    const before = await scrape(api.metricsUrl);
    const moving = mutate(api, await api.token(Role.ADMIN, null), 'transferEnrollment', {
      enrollmentId: enrollment,
      courseId: high,
    });
    await untilLockWaits(api.database);
    await rival.execute('update core_course set capacity = 50 where id = ?', [low], 'run');
    await rival.commit();
    expect(await moving).toMatchObject({ from: { totalEnrollments: 0 }, to: { totalEnrollments: 1 }, userErrors: [] });
    expect(growthOf(before, await scrape(api.metricsUrl))).toMatchObject({
      rollcall_deadlocks_total: 1,
      'rollcall_transaction_retries_total{reason="deadlock"}': 1,
    });
    expect(await log.requests(1)).toMatchObject([
      { operation: 'transferEnrollment', retries: 1, errors: 0, userErrors: 0 },
    ]);
    await api.stop();
  });
});
