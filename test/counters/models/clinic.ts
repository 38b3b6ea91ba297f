import type { Opt, Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** The target of visits. */
@Entity({ tableName: 'clinic' })
export class Clinic {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly visitCount: Opt<number> = 0;
}

/** The subject of a visit. */
@Entity({ tableName: 'pet' })
export class Pet {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  name: Opt<string> = '';
}

/**
 * A counted row whose foreign keys are declared as the engine requires; a test may make the database's own
 * otherwise.
 */
@Entity({ tableName: 'visit' })
export class Visit {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Clinic, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  clinic!: Ref<Clinic>;

  @ManyToOne(() => Pet, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  pet!: Ref<Pet>;
}

/** Clinics, pets and visits. */
export const clinic: SchemaOptions = {
  entities: [Clinic, Pet, Visit],
  counters: [defineCounter({ counted: Visit, by: 'clinic', into: 'visitCount' })],
};

/** Asserts that every clinic's count is exact. */
export function expectExactClinic(schema: Schema): Promise<void> {
  return expectExact(schema, { target: 'clinic', column: 'visit_count', counted: 'visit', by: { id: 'clinic_id' } });
}
