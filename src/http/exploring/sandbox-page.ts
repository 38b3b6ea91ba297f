/**
 * Serves Apollo Sandbox to browsers at /graphql. Its script and its frame come from Apollo's servers; the page itself
 * sends the operations, to its own origin, so that they need no CORS header.
 */
import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import { firstQuery } from './examples.js';
import { setPageHeaders, type PagePolicy } from './page-headers.js';
import { tokenHint } from './token-hint.js';

const scripts = 'https://embeddable-sandbox.cdn.apollographql.com';
const pictures = 'https://apollo-server-landing-page.cdn.apollographql.com';

/** Returns the plugin that makes the page, with the first query and a comment on how to get a token. */
export function sandboxPage(config: Config): ApolloServerPlugin {
  return ApolloServerPluginLandingPageLocalDefault({
    document: `${tokenHint(config, null)}\n${firstQuery}`,
    // The schema of a running server does not change.
    embed: { runTelemetry: false, initialState: { pollForSchemaUpdates: false } },
  });
}

/** Sets the page's headers, and adds a link to the explorer that works offline, shown if Sandbox cannot be loaded. */
export function addSandboxHeaders(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (
      request.routeOptions.url !== '/graphql' ||
      typeof payload !== 'string' ||
      !String(reply.getHeader('content-type')).startsWith('text/html')
    )
      return payload;
    const nonce = /'nonce-([^']+)'/.exec(payload)?.[1] ?? '';
    setPageHeaders(reply, sandboxPolicy(nonce));
    // Signing in to Apollo opens a window that communicates with the frame.
    reply.header('cross-origin-opener-policy', 'same-origin-allow-popups');
    // The element that Sandbox would fill covers the text and its link.
    const style = `<style nonce="${nonce}">#embeddableSandbox:empty { pointer-events: none; }</style>`;
    return payload.replace(
      'you might be offline.</p>',
      `$&\n  <p>The <a href="explorer">explorer</a> works without the network.</p>${style}`,
    );
  });
}

function sandboxPolicy(nonce: string): PagePolicy {
  return {
    'script-src': [`'nonce-${nonce}'`, scripts],
    'style-src': [`'nonce-${nonce}'`, 'https://fonts.googleapis.com'],
    'font-src': ['https://fonts.gstatic.com'],
    'img-src': [pictures],
    'manifest-src': [pictures],
    'frame-src': ['https://sandbox.embed.apollographql.com'],
    'base-uri': ["'none'"],
  };
}
