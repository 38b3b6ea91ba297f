/** The layers from the lowest up, each a folder of src: a file imports from its own or a lower one. */
export const layers = [
  'counters',
  'entities',
  'map',
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

/** The folders and single files of the engine, src/counters/src, from the lowest up. */
export const engineLayers = [
  'errors',
  'sql',
  'retry',
  'events',
  'declarations',
  'counts',
  'triggers',
  'guards',
  'flush',
  'bulk',
  'verify',
  'migration',
  'with-counters',
  'index',
];
