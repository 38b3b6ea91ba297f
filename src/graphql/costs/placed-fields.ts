/**
 * The fields of an operation with their places and arguments, from which its cost is computed before and after it
 * runs.
 */
import {
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { isConnectionName } from './query-cost.js';

/** The fields that no type declares. */
const metaFields: readonly GraphQLField<unknown, unknown>[] = [
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
];

/** A field at one place of an operation or of its fragments, unless `@skip` or `@include` leaves it out. */
export interface PlacedField {
  /** The type that has the field. */
  readonly type: GraphQLObjectType;
  readonly field: GraphQLField<unknown, unknown>;
  readonly node: FieldNode;
  /** Its type and name: `Course.title`. */
  readonly key: string;
  /** Its name in the answer. */
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Its selection; empty for introspection. */
  readonly inner: readonly PlacedField[];
}

/** An operation whose variables are valid. */
export interface PlacedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The variables, coerced. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Returns the fields of an operation. */
export function fieldsIn({ schema, document, operation, variables }: PlacedOperation): PlacedField[] {
  const fragments = new Map(
    document.definitions.flatMap(one =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  );
  const placed = (type: GraphQLObjectType, selections: readonly SelectionSetNode[]): PlacedField[] =>
    nodesOf(selections, fragments, variables).flatMap(node => {
      const field = fieldOf(type, node.name.value);
      if (!field) return [];
      const named = getNamedType(field.type);
      const selects = node.selectionSet && isObjectType(named) && !named.name.startsWith('__');
      return [
        {
          type,
          field,
          node,
          key: `${type.name}.${field.name}`,
          name: (node.alias ?? node.name).value,
          args: getArgumentValues(field, node, variables),
          inner: selects ? placed(named, [node.selectionSet]) : [],
        },
      ];
    });
  const root = schema.getRootType(operation.operation);
  return root ? placed(root, [operation.selectionSet]) : [];
}

/** Returns true for a field that returns a page of a list. */
export function isConnection({ type }: GraphQLField<unknown, unknown>): boolean {
  return isConnectionName(getNamedType(type).name);
}

function fieldOf(type: GraphQLObjectType, name: string): GraphQLField<unknown, unknown> | undefined {
  return metaFields.find(meta => meta.name === name) ?? type.getFields()[name];
}

/** Returns the nodes of the fields of selections. */
function nodesOf(
  selections: readonly SelectionSetNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  variables: Readonly<Record<string, unknown>>,
): FieldNode[] {
  return selections.flatMap(({ selections: nodes }) =>
    nodes.flatMap(node => {
      const leftOut =
        getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true ||
        getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] === false;
      if (leftOut) return [];
      if (node.kind === Kind.FIELD) return [node];
      const inner = node.kind === Kind.INLINE_FRAGMENT ? node : fragments.get(node.name.value);
      return inner ? nodesOf([inner.selectionSet], fragments, variables) : [];
    }),
  );
}
