import type { CodegenConfig } from '@graphql-codegen/cli';

/** Generates the type of every operation beside this file from the schema, into generated/: `npm run codegen`. */
const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: ['test/clients/*.ts', '!test/clients/*.test.ts'],
  generates: {
    'test/clients/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // Moments are texts, such as 2026-11-22T10:15:30.000Z.
        scalars: { DateTime: 'string' },
        strictScalars: true,
        enumType: 'string-literal',
        useTypeImports: true,
      },
    },
  },
  // Leave this out if a bundler resolves imports without an extension.
  importExtension: '.js',
};

export default config;
