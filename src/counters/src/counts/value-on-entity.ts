/** A property of an entity, also in embedded objects: the names by which the entity has it. */
export interface Placed {
  readonly property: string;
  readonly path: readonly string[];
}

type Part = Record<string, unknown> | null | undefined;

/** Returns the value that an entity shows of a property, such as a stored count. */
export function valueOn(entity: object, placed: Placed): unknown {
  return holderOf(entity, placed)?.[placed.path.at(-1)!];
}

/** Lets an entity show a value, unless it lacks the embedded object that has it. */
export function setValue(entity: object, placed: Placed, value: unknown): void {
  const holder = holderOf(entity, placed);
  if (holder) holder[placed.path.at(-1)!] = value;
}

function holderOf(entity: object, { path }: Placed): Part {
  return path.slice(0, -1).reduce((part: Part, name) => part?.[name] as Part, entity as Record<string, unknown>);
}
