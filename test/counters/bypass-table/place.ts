import type { Kysely } from 'kysely';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterStrategy } from 'mikro-orm-counters';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { useSchema, type Schema, type SchemaOptions } from '../../support/schema.js';
import { bells } from '../models/bells.js';
import { clinic } from '../models/clinic.js';
import { clubs } from '../models/clubs.js';
import { desks } from '../models/desks.js';
import { gallery } from '../models/gallery.js';
import { letters } from '../models/letters.js';
import { library } from '../models/library.js';
import { school } from '../models/school.js';
import { shop } from '../models/shop.js';
import { EmptyTheTable, migration } from './sql-of-the-application.js';

/** Types the tables as loosely as a caller without generated types has them. */
export type Tables = Record<string, Record<string, unknown>>;

/** The place in which a row of the table is tried: one database with the tables of all models, under one strategy. */
export interface Place {
  readonly kind: DatabaseKind;
  readonly strategy: CounterStrategy;
  readonly schema: Schema;
  readonly em: () => SqlEntityManager;
  readonly kysely: () => Kysely<Tables>;
}

/** Opens a place for the block of tests that calls this. */
export function usePlace(kind: DatabaseKind, strategy: CounterStrategy): Place {
  const models = [bells, school, library, shop, letters, clubs, desks, clinic, gallery];
  const everything: SchemaOptions = {
    entities: models.flatMap(({ entities }) => entities),
    counters: models.flatMap(({ counters }) => counters),
    // SQLite has no stored procedures.
    options: { ...bells.options, migrations: migration, ...(kind !== 'sqlite' && { routines: [EmptyTheTable] }) },
  };
  const schema = useSchema(kind, everything, strategy);
  const em = (): SqlEntityManager => schema.em();
  return { kind, strategy, schema, em, kysely: () => em().getKysely<Tables>() };
}

/** Returns the place as a hook has it: with its entity manager, and so in its transaction. */
export function placeInside(place: Place, hook: SqlEntityManager): Place {
  const em = (): SqlEntityManager => hook.fork({ keepTransactionContext: true });
  return { ...place, em, kysely: () => hook.getTransactionContext<Kysely<Tables>>() ?? em().getKysely<Tables>() };
}
