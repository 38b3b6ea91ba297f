import type { ResolvedCounter } from '../declarations/counter-group.js';

type Part = Record<string, unknown> | null | undefined;

/** Returns the stored count that an entity shows, also where an embedded object of it has the count. */
export function countOf(entity: object, counter: ResolvedCounter): unknown {
  return holderOf(entity, counter)?.[counter.path.at(-1)!];
}

/** Lets an entity show a stored count, unless it lacks the embedded object that has it. */
export function setCount(entity: object, counter: ResolvedCounter, count: unknown): void {
  const holder = holderOf(entity, counter);
  if (holder) holder[counter.path.at(-1)!] = count;
}

function holderOf(entity: object, { path }: ResolvedCounter): Part {
  return path.slice(0, -1).reduce((part: Part, name) => part?.[name] as Part, entity as Record<string, unknown>);
}
