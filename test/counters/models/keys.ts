import type { Opt, Ref } from '@mikro-orm/core';
import { PrimaryKeyProp } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** A target whose key is a text. */
@Entity({ tableName: 'tag' })
export class Tag {
  @PrimaryKey({ type: 'string', length: 36 })
  id!: string;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly useCount: Opt<number> = 0;
}

/** A target whose key is beyond a 32-bit integer. */
@Entity({ tableName: 'device' })
export class Device {
  @PrimaryKey({ type: 'bigint' })
  id!: string;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly useCount: Opt<number> = 0;
}

/** A target whose key has two columns, one of them a number. */
@Entity({ tableName: 'room' })
export class Room {
  [PrimaryKeyProp]?: ['building', 'number'];

  @PrimaryKey({ type: 'string', length: 20 })
  building!: string;

  @PrimaryKey({ type: 'integer' })
  number!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly useCount: Opt<number> = 0;
}

/** A row that targets of every kind of key count, one of them by a plain key. */
@Entity({ tableName: 'usage_row' })
export class Usage {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Tag, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  tag?: Ref<Tag> | null;

  @ManyToOne(() => Device, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  device?: Ref<Device> | null;

  @ManyToOne(() => Room, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  room?: Ref<Room> | null;
}

/** A row that is counted by a relation mapped to the plain key. */
@Entity({ tableName: 'plain' })
export class Plain {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Lecture, { mapToPk: true, deleteRule: 'restrict', updateRule: 'restrict' })
  lecture!: number;
}

/** The target of rows whose own key holds the foreign key. */
@Entity({ tableName: 'lecture' })
export class Lecture {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly seatCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly presentCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly plainCount: Opt<number> = 0;
}

/** A counted row whose key is its foreign key and a number. */
@Entity({ tableName: 'seat' })
export class Seat {
  [PrimaryKeyProp]?: ['lecture', 'place'];

  @ManyToOne(() => Lecture, { ref: true, primary: true, deleteRule: 'restrict', updateRule: 'restrict' })
  lecture!: Ref<Lecture>;

  @PrimaryKey({ type: 'integer' })
  place!: number;

  @Property({ type: 'boolean', default: false })
  present: Opt<boolean> = false;
}

/** Targets and counted rows with every kind of key. */
export const keys: SchemaOptions = {
  entities: [Tag, Device, Room, Usage, Lecture, Seat, Plain],
  counters: [
    defineCounter({ counted: Usage, by: 'tag', into: 'useCount' }),
    defineCounter({ counted: Usage, by: 'device', into: 'useCount' }),
    defineCounter({ counted: Usage, by: 'room', into: 'useCount' }),
    defineCounter({ counted: Seat, by: 'lecture', into: 'seatCount' }),
    defineCounter({ counted: Seat, by: 'lecture', into: 'presentCount', where: { present: true } }),
    { counted: Plain, by: 'lecture', into: 'plainCount', where: {} },
  ],
};

/** Asserts that every count is exact. */
export function expectExactKeys(schema: Schema): Promise<void> {
  const used = { column: 'use_count', counted: 'usage_row' };
  const seat = { target: 'lecture', counted: 'seat', by: { id: 'lecture_id' } };
  return expectExact(
    schema,
    { ...used, target: 'tag', by: { id: 'tag_id' } },
    { ...used, target: 'device', by: { id: 'device_id' } },
    { ...used, target: 'room', by: { building: 'room_building', number: 'room_number' } },
    { ...seat, column: 'seat_count' },
    { ...seat, column: 'present_count', where: 'c.present' },
    { ...seat, column: 'plain_count', counted: 'plain' },
  );
}
