import { getNamedType, isCompositeType, type ConstDirectiveNode } from 'graphql';
import { PUBLIC_MAX_AGE_SECONDS } from './cache-hints.js';
import { fieldsIn, type PlacedField, type PlacedOperation } from './costs/placed-fields.js';

/**
 * Returns true for an operation whose answer shared caches may store, whatever it has: every field that returns an
 * object has the same public hint, itself or by its type.
 *
 * Apollo Server's own plugin decides that while the fields run. For that it gives every field of the schema a resolver,
 * for good, with the first request that asks for it; what is compiled or shared afterwards no longer sees which fields
 * are plain properties.
 */
export function isPublicOperation(operation: PlacedOperation): boolean {
  return arePublic(fieldsIn(operation));
}

/** Returns true for the fields of an operation whose answer shared caches may store. */
export function arePublic(fields: readonly PlacedField[]): boolean {
  // The name of a type has no hint, and needs none beside other fields.
  const named = fields.filter(({ field }) => field.name !== '__typename');
  return named.length > 0 && named.every(one => isStorable(one, true));
}

function isStorable({ field, inner }: PlacedField, isRoot: boolean): boolean {
  if (field.name === '__typename') return true;
  const own = hintOf(field.astNode?.directives);
  if (own === 'other') return false;
  const type = getNamedType(field.type);
  if (!isCompositeType(type)) return !isRoot || own === 'public';
  const ofType = hintOf(type.astNode?.directives);
  return ofType !== 'other' && (own === 'public' || ofType === 'public') && inner.every(one => isStorable(one, false));
}

/** Returns the kind of a cache hint: the public one, another one, or none. */
function hintOf(directives: readonly ConstDirectiveNode[] | undefined): 'public' | 'other' | null {
  const hint = directives?.find(({ name }) => name.value === 'cacheControl');
  if (!hint) return null;
  const [argument, ...others] = hint.arguments ?? [];
  const isUsual =
    others.length === 0 &&
    argument?.name.value === 'maxAge' &&
    argument.value.kind === 'IntValue' &&
    Number(argument.value.value) === PUBLIC_MAX_AGE_SECONDS;
  return isUsual ? 'public' : 'other';
}
