import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCourse, addEnrollment } from '../support/api.js';
import { startClientSchool, type ClientSchool } from '../support/client-school.js';
import * as apollo from './apollo-client.js';
import * as plain from './fetch.js';
import * as request from './graphql-request.js';
import * as urql from './urql-client.js';

/** The way in which the example of each client enrolls the viewer. */
const clients: Record<string, (url: string, token: string | null, courseId: string) => Promise<string>> = {
  'Apollo Client': (url, token, courseId) =>
    apollo.enrollIn(
      apollo.apolloClient(url, () => token),
      courseId,
    ),
  urql: (url, token, courseId) =>
    urql.enrollIn(
      urql.urqlClient(url, () => token),
      courseId,
    ),
  'graphql-request': (url, token, courseId) =>
    request.enrollIn(
      request.requestClient(url, () => token),
      courseId,
    ),
  fetch: plain.enrollIn,
};

let school: ClientSchool;

beforeAll(async () => {
  school = await startClientSchool();
});
afterAll(() => school.api.stop());

describe.each(Object.entries(clients))('%s', (_name, enrollIn) => {
  it('a client sends the token and gets the new counts', async () => {
    const course = await addCourse(school.api.database);
    await addEnrollment(school.api.database, course, Number(school.students[0]));
    expect(await enrollIn(school.api.url, await school.newStudent(), String(course))).toBe(
      'Welcome! You are one of 2.',
    );
  });

  it('a client shows a userError, which is data', async () => {
    const student = await school.newStudent();
    await enrollIn(school.api.url, student, school.courses[0]!);
    expect(await enrollIn(school.api.url, student, school.courses[0]!)).toMatch(/is enrolled in course .* already\.$/);
    expect(await enrollIn(school.api.url, student, '999')).toMatch(/999/);
  });

  it('a client distinguishes an unauthenticated viewer and a bad token, answered with 401, from other errors', async () => {
    expect(await enrollIn(school.api.url, null, school.courses[0]!)).toBe('Please sign in.');
    expect(await enrollIn(school.api.url, 'no-token', school.courses[0]!)).toBe('Please sign in.');
  });

  it('a client shows the message of BAD_USER_INPUT', async () => {
    expect(await enrollIn(school.api.url, await school.newStudent(), 'abc')).toMatch(/"abc"/);
  });

  it('a client throws when the answer is not one of the API', async () => {
    const proxy = createServer(
      (_request, response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>'),
    ).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    await expect(
      enrollIn(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/graphql`, null, '1'),
    ).rejects.toThrow();
    proxy.close();
  });
});
