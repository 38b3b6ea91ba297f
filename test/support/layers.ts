/** The layers from the lowest up, each a folder of src: a file imports from its own or a lower one. */
export const layers = [
  'counters',
  'entities',
  'migrations',
  'database',
  'config',
  'access',
  'transactions',
  'reading',
  'use-cases',
  'recounts',
  'live-counts',
  'tools',
  'graphql',
  'http',
  'cli',
];
