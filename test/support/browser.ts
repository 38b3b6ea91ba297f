import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Returns the path of Chromium on PATH; undefined: it is not installed. */
export function browserProgram(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap(name => folders.map(folder => join(folder, name)))
    .find(path => existsSync(path));
}

/** Starts a headless browser; its process may be root's. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: browserProgram(), args: ['--no-sandbox'] });
}

/** A page whose every request goes to one server, or nowhere. */
export interface WatchedPage {
  readonly page: Page;
  /** The requests to other hosts, which were blocked. */
  readonly outside: string[];
  /** The violations of its policy, as "directive source". */
  readonly refused: string[];
  /** Requests that failed, answers with an error status, errors on the console, and errors of scripts. */
  readonly complaints: string[];
}

/** Opens a page with storage of its own and returns it before it navigates. */
export async function watchedPage(browser: Browser, url: string): Promise<WatchedPage> {
  const { host } = new URL(url);
  const context = await browser.newContext({ viewport: { width: 1400, height: 850 }, locale: 'en-US' });
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  const [outside, refused, complaints]: string[][] = [[], [], []];
  await context.route('**/*', route => {
    const target = new URL(route.request().url());
    if (target.host === host) return route.continue();
    outside!.push(target.origin + target.pathname);
    return route.abort();
  });
  await page.exposeFunction('tellRefusal', (text: string) => refused!.push(text));
  await page.addInitScript(
    `document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => tellRefusal(effectiveDirective + ' ' + blockedURI))`,
  );
  page.on('requestfailed', request => {
    const reason = request.failure()?.errorText;
    // The page itself has aborted this request, in favour of the next one.
    if (reason !== 'net::ERR_ABORTED') complaints!.push(`${reason}: ${request.url()}`);
  });
  page.on(
    'response',
    response => response.status() >= 400 && complaints!.push(`${response.status()}: ${response.url()}`),
  );
  page.on('console', message => message.type() === 'error' && complaints!.push(message.text()));
  page.on('pageerror', error => complaints!.push(String(error)));
  return { page, outside: outside!, refused: refused!, complaints: complaints! };
}
