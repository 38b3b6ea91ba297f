import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import { addExplorer } from './explorer-page.js';
import { addSandboxHeaders, sandboxPage } from './sandbox-page.js';

/** Returns Apollo's part of the pages for exploring: Sandbox for browsers, or no page if they are off. */
export function landingPage(config: Config): ApolloServerPlugin {
  return config.explorer ? sandboxPage(config) : ApolloServerPluginLandingPageDisabled();
}

/** Adds Sandbox's headers and the explorer that needs no network; nothing if the pages for exploring are off. */
export async function addExploring(app: FastifyInstance, config: Config): Promise<void> {
  if (!config.explorer) return;
  addSandboxHeaders(app);
  await addExplorer(app, config);
}
