import { TypeInfo, visit, visitWithTypeInfo, type DocumentNode, type GraphQLSchema } from 'graphql';
import type { ReadProperties } from '../../reading/index.js';

/** Returns the properties of an entity that are read; null: all. Fields and types have the names of the entities. */
export type SelectedProperties = (entity: { readonly name: string }) => ReadProperties;

/** Selects all properties, where the operation is not known. */
export const allProperties: SelectedProperties = () => null;

const known = new WeakMap<DocumentNode, SelectedProperties>();

/**
 * Returns the properties that a valid document selects of each type, at any place: the loaders of a request read an
 * object once for all places. A field that is computed from a property has its name.
 */
export function selectedProperties(document: DocumentNode, schema: GraphQLSchema): SelectedProperties {
  const found = known.get(document);
  if (found) return found;
  const byType = new Map<string, Set<string>>();
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field({ name: { value } }) {
        const parent = types.getParentType();
        if (!parent) return;
        const names = byType.get(parent.name) ?? new Set();
        byType.set(parent.name, names.add(value));
      },
    }),
  );
  const none: ReadonlySet<string> = new Set();
  const made: SelectedProperties = ({ name }) => byType.get(name) ?? none;
  known.set(document, made);
  return made;
}
