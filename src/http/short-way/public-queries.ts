import {
  getNamedType,
  isCompositeType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type ConstDirectiveNode,
  type DocumentNode,
  type GraphQLSchema,
} from 'graphql';
import { PUBLIC_MAX_AGE } from '../../graphql/cache-hints.js';

/**
 * Returns true for a query whose answer shared caches may store whatever it has: every field that returns an object has
 * the same public hint, itself or by its type.
 */
export function isPublicQuery(document: DocumentNode, schema: GraphQLSchema): boolean {
  let isPublic = true;
  let hasFields = false;
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field() {
        const [field, parent] = [types.getFieldDef(), types.getParentType()];
        // The name of a type has no hint, and needs none beside other fields.
        if (!field || !parent || field.name === '__typename') return;
        hasFields = true;
        const own = hintOf(field.astNode?.directives);
        if (own === 'other') isPublic = false;
        const type = getNamedType(field.type);
        const isRoot = parent === schema.getQueryType();
        if (!isCompositeType(type)) {
          if (isRoot && own !== 'public') isPublic = false;
          return;
        }
        const ofType = hintOf(type.astNode?.directives);
        if (ofType === 'other' || (own !== 'public' && ofType !== 'public')) isPublic = false;
      },
    }),
  );
  return isPublic && hasFields;
}

/** Returns the kind of a cache hint: the public one, another one, or none. */
function hintOf(directives: readonly ConstDirectiveNode[] | undefined): 'public' | 'other' | null {
  const hint = directives?.find(({ name }) => name.value === 'cacheControl');
  if (!hint) return null;
  const [argument, ...others] = hint.arguments ?? [];
  const isPublic =
    others.length === 0 &&
    argument?.name.value === 'maxAge' &&
    argument.value.kind === 'IntValue' &&
    Number(argument.value.value) === PUBLIC_MAX_AGE;
  return isPublic ? 'public' : 'other';
}
