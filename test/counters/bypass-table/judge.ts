import { ForeignKeyConstraintViolationException, type EntityClass } from '@mikro-orm/core';
import { CounterError, registryOf, verify } from 'mikro-orm-counters';
import type { Place } from './place.js';
import type { Variant } from './program.js';

/** The outcome of a write: `what` in the words of the table, and the error, if it was rejected. */
export interface Judgement {
  readonly what: string;
  readonly refusal: Error | undefined;
  /** Whether rows were changed. */
  readonly changed: boolean;
  /** Whether a count by SQL differs from a stored one. */
  readonly drift: boolean;
  /** Whether the engine's verify finds drift. */
  readonly found: boolean;
}

/** Runs a variant, and judges its outcome by the rows. */
export async function judged({ model, write }: Variant, place: Place): Promise<Judgement> {
  const { schema } = place;
  const everything = () => Promise.all(model.tables.map(table => schema.rows(`select * from ${table}`)));
  const seed = await model.seed(schema);
  await model.exact(schema);
  const before = JSON.stringify(await everything());
  const refusal = await Promise.resolve()
    .then(() => write(seed, place))
    .then(
      () => undefined,
      (error: unknown) => error as Error,
    );
  const changed = JSON.stringify(await everything()) !== before;
  const drift = await model.exact(schema).then(
    () => false,
    () => true,
  );
  return { what: wordFor(refusal, changed, drift), refusal, changed, drift, found: await isFound(model, place) };
}

function wordFor(refusal: Error | undefined, changed: boolean, drift: boolean): string {
  if (refusal instanceof CounterError) return `refused: ${refusal.code}`;
  if (refusal && isOfForeignKey(refusal)) return 'refused: foreign key';
  if (refusal && isOfSyntax(refusal)) return 'no such statement';
  if (refusal && ('errno' in refusal || 'severity' in refusal)) return 'refused by the database';
  if (refusal) return refusal.constructor === Error ? 'refused by MikroORM' : `${refusal.name}: ${refusal.message}`;
  if (drift) return 'unseen';
  return changed ? 'exact' : 'no write';
}

function isOfForeignKey(error: Error): boolean {
  return (
    error instanceof ForeignKeyConstraintViolationException ||
    /foreign key constraint fail|violates foreign key constraint/i.test(error.message)
  );
}

function isOfSyntax(error: Error): boolean {
  return /syntax/i.test(error.message);
}

async function isFound({ tables }: Variant['model'], { schema }: Place): Promise<boolean> {
  const em = schema.em();
  const mine = registryOf(em)!.groups.filter(({ target }) => tables.includes(target.tableName));
  const targets = new Set(mine.map(({ target }) => target.class as EntityClass<object>));
  for (const target of targets) for await (const { drifts } of verify(em, target)) if (drifts.length > 0) return true;
  return false;
}
