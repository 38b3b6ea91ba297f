import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import { addExplorer } from './explorer-page.js';
import { addSandboxHeaders, sandboxPage } from './sandbox-page.js';

/** Gives Apollo's part of the pages for exploring: Sandbox for browsers, or no page where they are off. */
export function landingPage(config: Config): ApolloServerPlugin {
  return config.explorer ? sandboxPage(config) : ApolloServerPluginLandingPageDisabled();
}

/** Adds the rest of them: Sandbox's headers and the explorer that needs no network; nothing where they are off. */
export async function addExploring(app: FastifyInstance, config: Config): Promise<void> {
  if (!config.explorer) return;
  addSandboxHeaders(app);
  await addExplorer(app, config);
}
