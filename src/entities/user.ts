import type { Opt } from '@mikro-orm/core';
import { Entity, Enum, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { Role } from './values.js';
import type { Key } from './key.js';
import { WholeNumber } from './whole-number.js';

/** A row of `core_user`: a student, a teacher or an admin. */
@Entity({ tableName: 'core_user' })
export class User {
  @PrimaryKey({ type: WholeNumber })
  id!: Key;

  @Property({ type: 'string', length: 255 })
  name!: string;

  /** The email address, by which people identify the user; at most 254 characters (RFC 5321). */
  @Property({ type: 'string', length: 254 })
  @Unique()
  email!: string;

  @Enum({ items: () => Role, default: Role.STUDENT })
  role: Opt<Role> = Role.STUDENT;

  // "Date", not "datetime": with the latter, MikroORM 7.2 considers every loaded moment on SQLite changed, and writes
  // it back.
  @Property({ type: 'Date', length: 3, onCreate: () => new Date() })
  createdAt!: Opt<Date>;

  @Property({ type: 'Date', length: 3, onCreate: () => new Date(), onUpdate: () => new Date() })
  updatedAt!: Opt<Date>;
}
