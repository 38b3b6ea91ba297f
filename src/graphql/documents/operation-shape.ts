/**
 * The shape of a document, counted in one pass before validation: the time of some rules of graphql is not proportional
 * to the document's length, and one error for each directive is more than anybody reads.
 */
import { Kind, visit, type ASTNode, type DocumentNode, type FieldNode, type OperationDefinitionNode } from 'graphql';

/** The shape of a document: its operations and fragments together, each counted once. */
export interface DocumentShape {
  readonly nodes: number;
  readonly aliases: number;
  readonly directives: number;
  /** The most directives at one place: at one field, fragment, operation or variable. */
  readonly directivesAtOnePlace: number;
  /** The deepest nesting of selections, lists and objects. */
  readonly nesting: number;
  /** The length of the longest name, in characters. */
  readonly longestName: number;
  /** The most variables that one operation declares. */
  readonly variables: number;
  /**
   * The most fields with one name in the answer within one selection, and the most that have selections in total: each
   * is compared with each.
   */
  readonly repeats: number;
  readonly repeatedSelections: number;
}

const NESTING: ReadonlySet<Kind> = new Set([Kind.SELECTION_SET, Kind.LIST, Kind.OBJECT, Kind.LIST_TYPE]);

/** Returns the shape of a document, valid or not. */
export function shapeOf(document: DocumentNode): DocumentShape {
  const shape = {
    nodes: 0,
    aliases: 0,
    directives: 0,
    directivesAtOnePlace: 0,
    nesting: 0,
    longestName: 0,
    variables: 0,
    repeats: 0,
    repeatedSelections: 0,
  };
  const selecting = new Map<string, number>();
  let within = 0;
  visit(document, {
    enter(node) {
      shape.nodes += 1;
      if (NESTING.has(node.kind)) shape.nesting = Math.max(shape.nesting, ++within);
      if (node.kind === Kind.NAME) shape.longestName = Math.max(shape.longestName, node.value.length);
      if (node.kind === Kind.OPERATION_DEFINITION)
        shape.variables = Math.max(shape.variables, node.variableDefinitions?.length ?? 0);
      if (node.kind === Kind.FIELD && node.alias) shape.aliases += 1;
      if (node.kind === Kind.FIELD && node.selectionSet)
        shape.repeatedSelections = Math.max(shape.repeatedSelections, countedIn(selecting, node));
      if (node.kind === Kind.SELECTION_SET) {
        const names = new Map<string, number>();
        for (const one of node.selections)
          if (one.kind === Kind.FIELD) shape.repeats = Math.max(shape.repeats, countedIn(names, one));
      }
      const here = 'directives' in node ? (node.directives?.length ?? 0) : 0;
      shape.directives += here;
      shape.directivesAtOnePlace = Math.max(shape.directivesAtOnePlace, here);
    },
    leave(node) {
      if (NESTING.has(node.kind)) within -= 1;
    },
  });
  return shape;
}

/** Counts a field by its name in the answer, and returns how many have that name so far. */
function countedIn(names: Map<string, number>, { alias, name }: FieldNode): number {
  const count = (names.get((alias ?? name).value) ?? 0) + 1;
  names.set((alias ?? name).value, count);
  return count;
}

/**
 * Returns how many values an operation contains, those of a fragment counted at each place where it is used. The
 * document must be valid.
 */
export function writtenValues(operation: OperationDefinitionNode, document: DocumentNode): number {
  const fragments = new Map(
    document.definitions.flatMap(one => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])),
  );
  const counted = new Map<ASTNode, number>();
  const valuesOf = (definition: ASTNode): number => {
    const known = counted.get(definition);
    if (known !== undefined) return known;
    let values = 0;
    visit(definition, {
      VariableDefinition: () => false,
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (fragment) values += valuesOf(fragment);
      },
      enter(node) {
        if (VALUES.has(node.kind)) values += 1;
      },
    });
    counted.set(definition, values);
    return values;
  };
  return valuesOf(operation);
}

const VALUES: ReadonlySet<Kind> = new Set([
  Kind.VARIABLE,
  Kind.INT,
  Kind.FLOAT,
  Kind.STRING,
  Kind.BOOLEAN,
  Kind.NULL,
  Kind.ENUM,
  Kind.LIST,
  Kind.OBJECT,
]);
