import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../../support/api.js';
import { browserProgram, startBrowser, watchedPage } from '../../support/browser.js';

const production = { NODE_ENV: 'production', JWT_SECRET: 'a secret of more than thirty-two bytes' };
const on = { INTROSPECTION: 'on', EXPLORER: 'on' };
const asBrowser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** Returns a page's policy by directive. */
function policyOf(headers: Headers): Record<string, string[]> {
  return Object.fromEntries(
    headers
      .get('content-security-policy')!
      .split('; ')
      .map(one => one.split(' '))
      .map(([name, ...sources]) => [name, sources]),
  );
}

/** Returns the options of Sandbox in its page. */
function configIn(html: string): { initialState: { document: string; headers?: object }; endpointIsEditable: boolean } {
  return JSON.parse(/embeddedSandboxConfig = (\{.*\});/.exec(html)![1]!) as ReturnType<typeof configIn>;
}

describe('Sandbox at /graphql', () => {
  let api: Api;
  let response: Response;
  let html: string;

  beforeAll(async () => {
    api = await startApi('sqlite');
    response = await fetch(api.url, { headers: asBrowser });
    html = await response.text();
  });
  afterAll(() => api.stop());

  it('Sandbox sends operations to this endpoint, and begins with a query of the schema', async () => {
    expect(html).toContain('var initialEndpoint = window.location.href;');
    const { initialState, endpointIsEditable } = configIn(html);
    expect([endpointIsEditable, initialState.headers]).toEqual([false, undefined]);
    expect(initialState.document).toMatch(/totalEnrollments[^]*enrollmentsCount \{ count precision \}/);
    expect(await api.send(null, initialState.document)).toMatchObject({
      status: 200,
      data: { courses: { totalCount: 0 } },
    });
  });

  it('Sandbox says which header identifies the viewer and how to get a token for it', () => {
    expect(configIn(html).initialState.document).toMatch(
      /^# .*Authorization: Bearer TOKEN\n# The server printed tokens.*\n# npm run -s rollcall -- token --role admin\n/,
    );
  });

  it('Sandbox may load what it embeds, send operations here, and nothing else', () => {
    const policy = policyOf(response.headers);
    const nonces = new Set([...html.matchAll(/nonce="?([0-9a-f]+)/g)].map(([, nonce]) => `'nonce-${nonce}'`));
    expect(nonces.size).toBe(1);
    const [nonce] = nonces;
    expect(policy).toEqual({
      'default-src': ["'none'"],
      'connect-src': ["'self'"],
      'script-src': [nonce, 'https://embeddable-sandbox.cdn.apollographql.com'],
      'style-src': [nonce, 'https://fonts.googleapis.com'],
      'font-src': ['https://fonts.gstatic.com'],
      'img-src': ['https://apollo-server-landing-page.cdn.apollographql.com'],
      'manifest-src': ['https://apollo-server-landing-page.cdn.apollographql.com'],
      'frame-src': ['https://sandbox.embed.apollographql.com'],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    });
    expect(response.headers.get('cache-control')).toBe('no-store');
    // Otherwise the window for signing in to Apollo could not talk to the page.
    expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin-allow-popups');
  });

  it('Sandbox has a new nonce for each answer', async () => {
    const again = await fetch(api.url, { headers: asBrowser });
    expect(policyOf(again.headers)['script-src']).not.toEqual(policyOf(response.headers)['script-src']);
  });

  it.runIf(browserProgram())(
    'Sandbox loads in a browser without a violation of its policy, and names the explorer without the network',
    async () => {
      const browser = await startBrowser();
      try {
        const { page, outside, refused } = await watchedPage(browser, api.url);
        await page.goto(api.url);
        await page.getByText('works without the network').waitFor();
        expect(refused).toEqual([]);
        expect(outside).toContain(
          'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js',
        );
        expect(new Set(outside.map(url => new URL(url).host))).toEqual(
          new Set([
            'embeddable-sandbox.cdn.apollographql.com',
            'fonts.googleapis.com',
            'apollo-server-landing-page.cdn.apollographql.com',
          ]),
        );
        await page.getByRole('link', { name: 'explorer' }).click();
        await page.waitForURL('**/explorer');
      } finally {
        await browser.close();
      }
    },
  );
});

describe('pages for exploring in production', () => {
  const seen = async (env: Record<string, string>) => {
    const api = await startApi('sqlite', { env: { ...production, ...env } });
    try {
      const sandbox = await fetch(api.url, { headers: asBrowser });
      const [explorer, file] = await Promise.all(
        ['/explorer', '/explorer/main.js'].map(path => fetch(new URL(path, api.url))),
      );
      const { errors } = await api.send(null, '{ __schema { queryType { name } } }');
      return {
        pages: [sandbox.status, explorer!.status, file!.status],
        schema: errors === undefined ? 'told' : errors[0]!.message,
        text: `${await sandbox.text()}${await explorer!.text()}`,
      };
    } finally {
      await api.stop();
    }
  };

  it('there is no page for exploring and no schema in production', async () => {
    expect(await seen({})).toMatchObject({
      pages: [400, 404, 404],
      schema: expect.stringMatching(
        /^This server does not tell its schema .*schema\/schema\.graphql.*INTROSPECTION=on\.$/,
      ) as string,
    });
  });

  it('both pages for exploring can be switched on in production, and do not mention printed tokens', async () => {
    const { text, ...rest } = await seen(on);
    expect(rest).toEqual({ pages: [200, 200, 200], schema: 'told' });
    expect(text).toContain('Authorization: Bearer TOKEN');
    expect(text).not.toMatch(/npm run|printed/);
  });
});
