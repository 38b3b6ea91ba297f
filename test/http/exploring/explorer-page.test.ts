import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { seedDatabase } from '../../../src/tools/sample-data/seed-database.js';
import { startApi, type Api } from '../../support/api.js';
import { browserProgram, startBrowser, watchedPage, type WatchedPage } from '../../support/browser.js';

describe('the explorer over HTTP', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite');
  });
  afterAll(() => api.stop());

  it('the explorer has a policy without other hosts, inline scripts and eval, and a new nonce for each answer', async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(async () => (await fetch(new URL('/explorer', api.url))).headers.get('content-security-policy')!),
    );
    expect(one!.replace(/nonce-[\w+/]{24}/g, 'nonce-N')).toBe(
      "default-src 'none'; connect-src 'self'; script-src 'self' 'nonce-N'; style-src 'self' 'nonce-N'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(one).not.toBe(other);
  });

  it('the explorer names its files and the endpoint by relative addresses only, so that a path prefix does no harm', async () => {
    const html = await (await fetch(new URL('/explorer', api.url))).text();
    const addresses = [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, address]) => address!);
    expect(addresses.length).toBeGreaterThan(5);
    expect(addresses.filter(address => /^(\/|\w+:)/.test(address))).toEqual([]);
    expect(html).toContain("new URL('../graphql', document.baseURI)");
    const slash = await fetch(new URL('/explorer/', api.url), { redirect: 'manual' });
    expect([slash.status, slash.headers.get('location')]).toEqual([302, '../explorer']);
  });
});

// One test for one visit: a browser loads a lot, and the history depends on the visit.
describe.runIf(browserProgram())('the explorer in a browser', () => {
  let api: Api;
  let browser: Browser;
  let visit: WatchedPage;

  beforeAll(async () => {
    api = await startApi('sqlite');
    await seedDatabase(api.database, { courses: 12, students: 40, enrollments: 200 });
    browser = await startBrowser();
    visit = await watchedPage(browser, api.url);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.stop();
  });

  /** Returns the displayed answer once it contains a text. */
  async function resultWith(page: Page, text: string): Promise<string> {
    const result = page.locator('app-query-result .cm-content:visible').filter({ hasText: text });
    await result.first().waitFor();
    return result.first().innerText();
  }

  /**
   * Sends one of the operations of the displayed editor, by its own button. The editor draws the buttons when the text
   * changes: on a busy machine it has not parsed all of it by then, and draws them at a later change.
   */
  async function sendOperation(page: Page, name: string): Promise<void> {
    const button = page.getByText(name);
    while (!(await button.isVisible())) {
      const editor = page.locator('app-query-editor .cm-content:visible').first();
      await editor.press('Control+End');
      await editor.press('Enter');
    }
    await button.click();
  }

  it(
    'the explorer shows counts, live ones too, docs and history, sends a token, and requests only its own server',
    { timeout: 300_000 },
    async () => {
      const { page, outside, refused, complaints } = visit;
      await page.goto(new URL('/explorer', api.url).href);
      await page.locator('[track-id=set_request]').click();
      const courses = await resultWith(page, 'totalEnrollments');
      expect(courses).toMatch(/"totalEnrollments": [1-9]/);
      expect(courses).toMatch(/"enrollmentsCount": \{\s+"count": [1-9]/);

      await page.locator('[track-id=show_docs]:visible').click();
      await page.getByPlaceholder('Search docs...').fill('Course');
      await page.getByText('A course, with stored counts that are exact at every commit.').first().waitFor();

      await page.getByText('Admin', { exact: true }).click();
      await sendOperation(page, '(Send query Runs)');
      expect(await resultWith(page, 'errors')).toContain('"UNAUTHENTICATED"');
      await page.locator('[track-id=show_set_headers]').click();
      const header = page.locator('.ant-modal .cm-content');
      await header.nth(0).fill('Authorization');
      await header.nth(1).fill(`Bearer ${await api.token(Role.ADMIN, null)}`);
      await page.getByText('Done', { exact: true }).click();
      await sendOperation(page, '(Send mutation Verify)');
      const verified = await resultWith(page, 'verifyEnrollmentCounts');
      expect(verified).toMatch(/"ok": true,\s+"checked": 12,/);

      await page.locator('[track-id=show_history]').click();
      await page.locator('.history-item', { hasText: 'verifyEnrollmentCounts' }).first().waitFor();

      await page.keyboard.press('Escape');
      await page.getByText('Live', { exact: true }).click();
      await sendOperation(page, '(Send subscription Watch)');
      expect(await resultWith(page, 'courseCountsChanged')).toMatch(/"courseId": "3",[^]*"totalEnrollments": [1-9]/);

      expect(outside).toEqual([]);
      expect(complaints).toEqual([]);
      // A library within the package tests whether eval is allowed, and works without it.
      expect(refused).toEqual(['script-src eval']);
    },
  );
});
