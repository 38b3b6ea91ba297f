import { isCompositeType, getNamedType, Kind, TypeInfo, valueFromASTUntyped, visit, visitWithTypeInfo, type ConstDirectiveNode, type DocumentNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';

/**
 * Says how long shared caches may keep what everybody may see, in seconds. Stored counts are exact at every commit, and an
 * answer from a cache is as old as this at most; it takes away a peak of readers nevertheless.
 */
export const PUBLIC_MAX_AGE = 10;

/** Hints that everybody sees the same. What has no hint, and is no plain value of such a type, is kept by no shared cache. */
export const PUBLIC = `@cacheControl(maxAge: ${PUBLIC_MAX_AGE})`;

/** Hints that what is seen depends on the viewer. */
export const PRIVATE = '@cacheControl(maxAge: 0, scope: PRIVATE)';

/** Is what has hints in the schema: a type, or a field. */
interface Hinted {
  readonly astNode?: { readonly directives?: readonly ConstDirectiveNode[] } | null;
}

/** Keeps answers by operation: Apollo parses a text that it has seen before only once. */
const known = new WeakMap<OperationDefinitionNode, number>();

/**
 * Gives how long shared caches may keep the answer to a valid operation, in seconds; 0: not at all. Each field counts, be it
 * skipped or in a fragment that does not apply: so the answer depends on the text alone, and errs to the safe side.
 */
export function publicFor(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): number {
  const before = known.get(operation);
  if (before !== undefined) return before;
  const types = new TypeInfo(schema);
  const hints: number[] = [];
  const alone: DocumentNode = { kind: Kind.DOCUMENT, definitions: document.definitions.filter(one => one === operation || one.kind === Kind.FRAGMENT_DEFINITION) };
  const Field = (): void => {
    const [field, parent] = [types.getFieldDef()!, types.getParentType()];
    if (field.name === '__typename') return;
    const type = getNamedType(field.type);
    const isPart = !isCompositeType(type) && parent !== schema.getQueryType();
    const hint = hintOf(field) ?? (isCompositeType(type) ? hintOf(type) : null);
    // A plain value is as public as what it is a value of; whatever else says nothing is not.
    if (hint !== null || !isPart) hints.push(hint ?? 0);
  };
  visit(alone, visitWithTypeInfo(types, { Field }));
  const seconds = hints.length === 0 ? 0 : Math.min(...hints);
  known.set(operation, seconds);
  return seconds;
}

/** Gives for how many seconds a hint lets shared caches keep something; null: there is no hint. */
function hintOf({ astNode }: Hinted): number | null {
  const directive = astNode?.directives?.find(({ name }) => name.value === 'cacheControl');
  if (!directive) return null;
  const { maxAge = 0, scope } = Object.fromEntries((directive.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)])) as { maxAge?: number; scope?: string };
  return scope === 'PRIVATE' ? 0 : maxAge;
}
