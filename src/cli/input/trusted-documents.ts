import type { Config } from '../../config/config.js';
import type { TrustedDocuments } from '../../graphql/documents/trusted-documents.js';

/** Reads the trusted documents of a configuration; null if it has none. Errors: TrustedDocumentsError. */
export async function trustedDocumentsOf(config: Config): Promise<TrustedDocuments | null> {
  if (config.trustedDocuments === null) return null;
  // Loaded here: it takes a third of the time that every other command needs to start.
  const [{ graphqlSchema }, { documentRulesOf }, { readTrustedDocuments }] = await Promise.all([
    import('../../graphql/schema.js'),
    import('../../graphql/documents/documents.js'),
    import('../../graphql/documents/trusted-documents.js'),
  ]);
  return readTrustedDocuments(config.trustedDocuments, documentRulesOf(graphqlSchema(), config));
}
