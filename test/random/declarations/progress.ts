import { ChangeSetType, type EntityManager } from '@mikro-orm/core';
import type { Tally } from '../model-check.js';
import { depthOf, type Draw } from './sea.js';

/** The relations by which a row belongs to a target. */
const relations = ['shore', 'coast', 'ocean', 'keeper', 'finder'];

/** What was done so far. */
export class Progress {
  #operations = 0;

  constructor(private readonly tally: Tally) {}

  get operations(): number {
    return this.#operations;
  }

  /** Counts the rows that each flush of an entity manager writes from now on, as operations. */
  watch(em: EntityManager): void {
    em.getEventManager().registerSubscriber({
      onFlush: ({ uow }) => {
        const changeSets = uow.getChangeSets();
        this.note('flushes', `of ${rangeOf(changeSets.length)} rows`);
        for (const { type, meta, payload } of changeSets) {
          const isMoved = type === ChangeSetType.UPDATE && relations.some(relation => relation in payload);
          this.operation(`${isMoved ? 'move' : type.replace('_early', '')} ${meta.className}`);
        }
      },
    });
  }

  /** Counts an operation that was done. */
  operation(name: string): void {
    this.#operations += 1;
    this.note('operations', name);
  }

  /** Counts how often something else occurred, of several things of a kind. */
  note(kind: string, name: string): void {
    const key = `${kind}: ${name}`;
    this.tally.set(key, (this.tally.get(key) ?? 0) + 1);
  }
}

/** Notes which declarations are drawn. */
export function noteDraw(progress: Progress, { aspects, shoreLevels, onlyWild, numbered, mostShells }: Draw): void {
  for (const aspect of aspects) {
    progress.note('counters', `by ${aspect.by}${aspect.by === 'finder' ? ` (${aspect.finder})` : ''}`);
    progress.note('counters', `at ${depthOf(aspect)} levels`);
    progress.note('counters', aspect.sum === null ? 'counts' : `sums of ${aspect.sum}`);
    if (aspect.wideFrom <= depthOf(aspect)) progress.note('counters', 'in wider columns');
    if (aspect.condition === null) progress.note('conditions', 'none');
    else for (const name of namesIn(aspect.condition.where)) progress.note('conditions', name);
  }
  progress.note('declarations', 'in all');
  progress.note('declarations', `at most ${mostShells} shells`);
  progress.note('declarations', `shores at ${shoreLevels} levels`);
  if (onlyWild) progress.note('declarations', 'of wild shores only');
  for (const name of numbered) progress.note('declarations', `${name} by its number`);
}

/** Returns the properties and the operators that a condition names, each once. */
function namesIn(where: unknown): Set<string> {
  if (Array.isArray(where)) return new Set(where.flatMap(part => [...namesIn(part)]));
  if (typeof where !== 'object' || where === null || where instanceof Date) return new Set();
  return new Set(Object.entries(where).flatMap(([name, value]) => [name, ...namesIn(value)]));
}

/** Returns the range of a number of parts or rows, for the tally. */
export function rangeOf(count: number): string {
  const limits = [0, 5, 20, 60, 200, 500, 1000];
  const place = limits.findIndex(limit => count <= limit);
  if (place < 0) return 'more than 1000';
  return place === 0 ? '0' : `${limits[place - 1]! + 1} to ${limits[place]}`;
}
