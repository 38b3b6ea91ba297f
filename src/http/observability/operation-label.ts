import { Kind, type DocumentNode, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';

/** The labels of operations seen before; a document that is sent again is not parsed again. */
const labels = new WeakMap<OperationDefinitionNode, string>();

/**
 * Returns the label of a valid operation for metrics: its root field, `several` if there are more, or `introspection`
 * if it asks only for the schema. Clients choose operation names and aliases freely, but the schema bounds the number
 * of root fields.
 */
export function operationLabel(operation: OperationDefinitionNode, document: DocumentNode): string {
  const known = labels.get(operation);
  if (known !== undefined) return known;
  const names = new Set<string>();
  addRootFields(operation.selectionSet, document, names, new Set());
  const fields = [...names].filter(name => !name.startsWith('__'));
  const label = fields.length === 0 ? 'introspection' : fields.length === 1 ? fields[0]! : 'several';
  labels.set(operation, label);
  return label;
}

function addRootFields(
  { selections }: SelectionSetNode,
  document: DocumentNode,
  names: Set<string>,
  seen: Set<string>,
): void {
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) names.add(selection.name.value);
    else if (selection.kind === Kind.INLINE_FRAGMENT) addRootFields(selection.selectionSet, document, names, seen);
    else if (!seen.has(selection.name.value)) {
      seen.add(selection.name.value);
      const fragment = document.definitions.find(
        one => one.kind === Kind.FRAGMENT_DEFINITION && one.name.value === selection.name.value,
      );
      if (fragment?.kind === Kind.FRAGMENT_DEFINITION) addRootFields(fragment.selectionSet, document, names, seen);
    }
  }
}
