import { PrimaryKeyProp, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const rules = { deleteRule: 'restrict', updateRule: 'restrict' } as const;

/** A target whose key the application makes, and whose stored count has no default. */
@Entity({ tableName: 'queue' })
export class Queue {
  [PrimaryKeyProp]?: 'name';

  @PrimaryKey({ type: 'string', length: 20 })
  name!: string;

  @Property({ type: 'integer', unsigned: true })
  readonly ticketCount!: Opt<number>;
}

/** A counted row with the plain key of its target. */
@Entity({ tableName: 'ticket' })
export class Ticket {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Queue, { mapToPk: true, nullable: true, ...rules })
  queue?: string | null;
}

/** A counted row to which the database gives a target. */
@Entity({ tableName: 'parked_ticket' })
export class ParkedTicket {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Lane, { ref: true, nullable: true, defaultRaw: '1', ...rules })
  lane?: Opt<Ref<Lane>> | null;
}

/** A target whose key may change. */
@Entity({ tableName: 'lane' })
export class Lane {
  @PrimaryKey({ type: 'integer', autoincrement: false })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly ticketCount: Opt<number> = 0;
}

/** A user, whose key is that of a profile. */
@Entity({ tableName: 'member' })
export class Member {
  @PrimaryKey({ type: 'integer' })
  id!: number;
}

/** A target whose key is a relation. */
@Entity({ tableName: 'profile' })
export class Profile {
  @OneToOne(() => Member, { ref: true, primary: true, ...rules })
  member!: Ref<Member>;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly visitCount: Opt<number> = 0;
}

/** A counted row of a target whose key is a relation. */
@Entity({ tableName: 'visit' })
export class Visit {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Profile, { ref: true, ...rules })
  profile!: Ref<Profile>;
}

/** Targets with keys of the application's own, and with relations for keys. */
export const queues: SchemaOptions = {
  entities: [Queue, Ticket, Lane, ParkedTicket, Member, Profile, Visit],
  counters: [
    { counted: Ticket, by: 'queue', into: 'ticketCount', where: {} },
    defineCounter({ counted: ParkedTicket, by: 'lane', into: 'ticketCount' }),
    defineCounter({ counted: Visit, by: 'profile', into: 'visitCount' }),
  ],
};

/** Asserts that every count is exact. */
export function expectExactQueues(schema: Schema): Promise<void> {
  return expectExact(
    schema,
    { target: 'queue', column: 'ticket_count', counted: 'ticket', by: { name: 'queue_name' } },
    { target: 'lane', column: 'ticket_count', counted: 'parked_ticket', by: { id: 'lane_id' } },
    { target: 'profile', column: 'visit_count', counted: 'visit', by: { member_id: 'profile_member_id' } },
  );
}
