import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';

const rules = { deleteRule: 'restrict', updateRule: 'restrict' } as const;
const total = { type: 'integer', default: 0 } as const;

/** A target with a column for each of some counters. */
@Entity({ tableName: 'harbour', inheritance: 'tpt' })
export class Harbour {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ ...total })
  readonly h0!: number;

  @Property({ ...total })
  readonly h1!: number;

  @Property({ ...total })
  readonly h2!: number;

  @Property({ ...total })
  readonly h3!: number;
}

/** A target of a type, with columns of its own. */
@Entity({ tableName: 'dock' })
export class Dock extends Harbour {
  @Property({ ...total })
  readonly d0!: number;

  @Property({ ...total })
  readonly d1!: number;

  @Property({ ...total })
  readonly d2!: number;

  @Property({ ...total })
  readonly d3!: number;
}

/** A row with parts in one to three tables. */
@Entity({ tableName: 'craft', inheritance: 'tpt' })
export class Craft {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Harbour, { nullable: true, ...rules })
  home?: Harbour | null;

  @Property({ type: 'integer' })
  mass!: number;
}

/** A row of a type. */
@Entity({ tableName: 'ship' })
export class Ship extends Craft {
  @ManyToOne(() => Dock, { nullable: true, ...rules })
  berth?: Dock | null;

  @Property({ type: 'integer', nullable: true })
  crew?: number | null;
}

/** A row of a type of that type. */
@Entity({ tableName: 'ferry' })
export class Ferry extends Ship {
  @Property({ type: 'integer' })
  seats!: number;
}

/** A row of another type. */
@Entity({ tableName: 'kite' })
export class Kite extends Craft {}
