/**
 * Serves Altair at /explorer, from the files of the package altair-static: it needs no network but this server.
 *
 * Every URL in the page is relative, so that it works behind a path prefix too. Its content security policy allows the
 * package's files, elements with the answer's nonce, and style attributes, which the package's widgets need; no eval,
 * no frame, no other host.
 */
import { fileURLToPath } from 'node:url';
import staticFiles from '@fastify/static';
import type { AltairConfigOptions } from 'altair-static';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import { examples } from './examples.js';
import { newNonce, setPageHeaders } from './page-headers.js';
import { tokenHint } from './token-hint.js';

/** Returns the folder of the package's files. It does not load the package, which most servers never need. */
function filesOfAltair(): string {
  return fileURLToPath(new URL('dist', import.meta.resolve('altair-static')));
}

/** Adds the page and its files. */
export async function addExplorer(app: FastifyInstance, config: Config): Promise<void> {
  const options = explorerOptions(config);
  await app.register(staticFiles, {
    root: filesOfAltair(),
    prefix: '/explorer/',
    index: false,
    acceptRanges: false,
    maxAge: '1h',
  });
  app.get('/explorer', async (_request, reply) => {
    const nonce = newNonce();
    const own = ["'self'", `'nonce-${nonce}'`];
    setPageHeaders(reply, {
      'script-src': own,
      'style-src': own,
      'style-src-attr': ["'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'font-src': ["'self'"],
      'base-uri': ["'self'"],
    });
    return reply.type('text/html; charset=utf-8').send(await explorerHtml(options, nonce));
  });
  app.get('/explorer/', async (_request, reply) => reply.redirect('../explorer'));
}

function explorerOptions(config: Config): AltairConfigOptions {
  return {
    // The tab that is opened last stays in front.
    initialWindows: examples
      .map(({ name, role, document }) => ({
        initialName: name,
        initialQuery: `${tokenHint(config, role)}\n${document}`,
      }))
      .toReversed(),
    initialSettings: {
      'schema.reloadOnStart': true,
      'banners.disable': true,
      'alert.disableUpdateNotification': true,
      disablePushNotification: true,
    },
    // Accounts are stored on a server of Altair's makers.
    disableAccount: true,
  };
}

async function explorerHtml(options: AltairConfigOptions, nonce: string): Promise<string> {
  const { getAltairHtml } = await import('altair-static');
  const json = JSON.stringify({ ...options, cspNonce: nonce }).replaceAll('<', '\\u003c');
  return getAltairHtml()
    .replace('<title>Altair</title>', '<title>Rollcall explorer</title>')
    .replace(/<base [^>]*>/, `<base href="explorer/" />\n    <script nonce="${nonce}">${stylesWithNonce}</script>`)
    .replace('<style>', `<style nonce="${nonce}">`)
    .replace('<app-root>', `<app-root ngCspNonce="${nonce}">`)
    .replace('</body>', () => `<script type="module" nonce="${nonce}">${startScript(json)}</script>\n  </body>`);
}

/** The script that adds the page's nonce to the style elements that libraries inside Altair create without one. */
const stylesWithNonce = `
      const { nonce } = document.currentScript;
      const createElement = document.createElement;
      document.createElement = function (name, ...options) {
        const element = createElement.call(this, name, ...options);
        if (element instanceof HTMLStyleElement) element.nonce = nonce;
        return element;
      };
    `;

function startScript(json: string): string {
  return `
      const options = ${json};
      const endpointURL = new URL('../graphql', document.baseURI).href;
      // Server-sent events rather than WebSocket, so that the headers of a tab apply to its subscriptions too.
      const subscriptionsEndpoint = new URL('../graphql/stream', document.baseURI).href;
      const addresses = { endpointURL, subscriptionsEndpoint, initialSubscriptionRequestHandlerId: 'graphql-sse' };
      AltairGraphQL.init({ ...options, ...addresses, initialWindows: options.initialWindows.map(one => ({ ...one, ...addresses })) });
    `;
}
