import {
  getDirectiveValues,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  type FieldNode,
  type GraphQLResolveInfo,
  type SelectionNode,
} from 'graphql';

/** The part of the resolve info that says which fields are selected. */
export type AskedIn = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments' | 'variableValues'>;

/** Returns true if a field is selected, by a path of names from the field that is being resolved. */
export function isAskedFor(info: AskedIn, path: readonly string[]): boolean {
  return askedFields(info, path).length > 0;
}

/** Returns the places of a field in the selection, by such a path; skipped ones are left out. */
export function askedFields(info: AskedIn, path: readonly string[]): readonly FieldNode[] {
  let fields: readonly FieldNode[] = info.fieldNodes;
  for (const name of path)
    fields = fields.flatMap(({ selectionSet }) => fieldsNamed(name, selectionSet?.selections ?? [], info));
  return fields;
}

function fieldsNamed(name: string, selections: readonly SelectionNode[], info: AskedIn): FieldNode[] {
  return selections
    .filter(selection => isIncluded(selection, info))
    .flatMap(selection => {
      if (selection.kind === Kind.FIELD) return selection.name.value === name ? [selection] : [];
      const { selectionSet } =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : info.fragments[selection.name.value]!;
      return fieldsNamed(name, selectionSet.selections, info);
    });
}

function isIncluded(selection: SelectionNode, { variableValues }: AskedIn): boolean {
  if (!selection.directives?.length) return true;
  return (
    getDirectiveValues(GraphQLSkipDirective, selection, variableValues)?.['if'] !== true &&
    getDirectiveValues(GraphQLIncludeDirective, selection, variableValues)?.['if'] !== false
  );
}
