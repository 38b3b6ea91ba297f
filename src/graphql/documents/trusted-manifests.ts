/** The file formats of trusted documents, written by tools and people. */
import { z } from 'zod';

/** A document in a file. */
export interface KeptDocument {
  /** Its id in the file; null: it has only its hash. */
  readonly id: string | null;
  readonly text: string;
}

/** The format of Apollo's `generate-persisted-query-manifest`. */
const apolloManifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string().min(1), body: z.string() })),
});

/** The format of Relay's compiler (`persistConfig.file`): the text of each id. */
const relayMap = z.record(z.string().min(1), z.string());

/** The format of the persisting server in Relay's guide: the same as pairs. */
const relayPairs = z.array(z.tuple([z.string().min(1), z.string()]));

const FORMS =
  'Give what Apollo\'s generate-persisted-query-manifest writes, {"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":…,"body":…}]}, or what Relay\'s compiler writes, {"id":"text"}';

/** Returns the documents in a file, or its mistake. */
export function documentsIn(name: string, content: string): KeptDocument[] | string {
  if (/\.(graphql|gql)$/i.test(name)) return [{ id: null, text: content }];
  if (!/\.json$/i.test(name)) return 'is no .json, .graphql or .gql. Move it elsewhere, or correct its name.';
  let value: unknown;
  try {
    value = JSON.parse(content.replace(/^\ufeff/, ''));
  } catch (error) {
    return `is not JSON (${(error as Error).message}). ${FORMS}.`;
  }
  return inManifest(value) ?? `is JSON of another kind. ${FORMS}.`;
}

function inManifest(value: unknown): KeptDocument[] | null {
  const apollo = apolloManifest.safeParse(value).data;
  if (apollo) return apollo.operations.map(({ id, body }) => ({ id, text: body }));
  const pairs = relayPairs.safeParse(value).data ?? Object.entries(relayMap.safeParse(value).data ?? {});
  return pairs.length > 0 ? pairs.map(([id, text]) => ({ id, text })) : null;
}
