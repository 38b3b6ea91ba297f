import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Opt, Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { MikroORM, NodeSqliteDialect, type SqlEntityManager } from '@mikro-orm/sql';
import { expect } from 'vitest';
import { defineCounter, installTriggers, type CounterStrategy } from 'mikro-orm-counters';
import type { Database } from '../../../src/database/database.js';
import type { Options } from '../../../src/database/orm-options.js';
import { freshUrl, strategy, type EngineDatabaseKind } from '../../support/databases.js';
import { schemaOptions, type SchemaOptions } from '../../support/schema.js';

const suffix = randomUUID().slice(0, 8);

/** The schemas of two tenants, and two that entities are declared with. */
export const schemas = { a: `a_${suffix}`, b: `b_${suffix}`, one: `one_${suffix}`, two: `two_${suffix}` };

/** A target with a schema for each tenant. */
@Entity({ tableName: 'post', schema: '*' })
export class Post {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  title: Opt<string> = '';

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly commentCount: Opt<number> = 0;
}

/** A counted row with a schema for each tenant. */
@Entity({ tableName: 'comment', schema: '*' })
export class Comment {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Post, { ref: true, deleteRule: 'restrict' })
  post!: Ref<Post>;
}

/** A target that names no schema. */
@Entity({ tableName: 'page' })
export class Page {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly noteCount: Opt<number> = 0;
}

/** A counted row that names no schema. */
@Entity({ tableName: 'note' })
export class Note {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Page, { ref: true, deleteRule: 'restrict' })
  page!: Ref<Page>;
}

/** A target in a fixed schema, whose table has the name of another's. */
@Entity({ tableName: 'bag', schema: schemas.one })
export class Bag {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly itemCount: Opt<number> = 0;
}

/** A counted row in a fixed schema, whose table has the name of another's. */
@Entity({ tableName: 'item', schema: schemas.one })
export class Item {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Bag, { ref: true, deleteRule: 'restrict' })
  bag!: Ref<Bag>;
}

/** A target in another fixed schema. */
@Entity({ tableName: 'bag', schema: schemas.two })
export class OtherBag {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly itemCount: Opt<number> = 0;
}

/** A counted row in another fixed schema. */
@Entity({ tableName: 'item', schema: schemas.two })
export class OtherItem {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => OtherBag, { ref: true, deleteRule: 'restrict' })
  bag!: Ref<OtherBag>;
}

/** A row that nothing counts, with the name of a table that counts elsewhere. */
@Entity({ tableName: 'comment', schema: schemas.two })
export class Remark {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  post: Opt<number> = 0;
}

/** A row that nothing counts, and that names no schema, with the name of a table that counts in fixed ones. */
@Entity({ tableName: 'item' })
export class Thing {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', fieldName: 'bag_id', default: 0 })
  bag: Opt<number> = 0;
}

/** All of them, with their counters. */
const tenants: SchemaOptions = {
  entities: [Post, Comment, Page, Note, Bag, Item, OtherBag, OtherItem, Remark, Thing],
  counters: [
    defineCounter({ counted: Comment, by: 'post', into: 'commentCount' }),
    defineCounter({ counted: Note, by: 'page', into: 'noteCount' }),
    defineCounter({ counted: Item, by: 'bag', into: 'itemCount' }),
    defineCounter({ counted: OtherItem, by: 'bag', into: 'itemCount' }),
  ],
};

/** The target, its stored count, the counted rows and their foreign key: the names of tables and columns. */
type Names = readonly [target: string, count: string, counted: string, foreignKey: string];

const posts: Names = ['post', 'comment_count', 'comment', 'post_id'];
const pages: Names = ['page', 'note_count', 'note', 'page_id'];
const bags: Names = ['bag', 'item_count', 'item', 'bag_id'];

/** The tables of each schema; '' is the connection's own. */
const tables: readonly (readonly [schema: string, ...Names])[] = [
  ...['', schemas.a, schemas.b].flatMap(schema => [[schema, ...posts] as const, [schema, ...pages] as const]),
  [schemas.one, ...bags],
  [schemas.two, ...bags],
];

/** How each database makes the keys of rows. */
const keys: Readonly<Record<EngineDatabaseKind, string>> = {
  sqlite: 'integer primary key autoincrement',
  mysql: 'int primary key auto_increment',
  mariadb: 'int primary key auto_increment',
  postgresql: 'serial primary key',
};

/** A database with several schemas, for one block of tests. */
export interface Tenants {
  readonly database: Database;
  /** Returns an empty entity manager, with a schema or without. */
  readonly em: (schema?: string) => SqlEntityManager;
  readonly rows: <Row extends object>(sql: string) => Promise<Row[]>;
  readonly drop: () => Promise<void>;
}

/** Opens a database with all schemas, whose counters are kept by this run's strategy by default. */
export async function openTenants(kind: EngineDatabaseKind, kept: CounterStrategy = strategy): Promise<Tenants> {
  const { url, drop } = freshUrl(kind);
  const file = (schema: string): string => `${url.slice('sqlite:'.length)}.${schema}`;
  const attached = Object.values(schemas).map(name => ({ name, path: file(name) }));
  const options: Options = await schemaOptions(url, tenants, kept);
  // The application's own SQLite has connections that attach nothing.
  const plain = kind === 'sqlite' && {
    driverOptions: new NodeSqliteDialect(url.slice('sqlite:'.length)),
    attachDatabases: attached,
  };
  const database = (await MikroORM.init({ ...options, ...plain } as never)) as unknown as Database;
  const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');
  if (kind !== 'sqlite') for (const schema of Object.values(schemas)) await run(`create schema ${schema}`);
  for (const [schema, target, count, counted, foreignKey] of tables) {
    const within = schema === '' ? '' : `${schema}.`;
    const key = keys[kind];
    // SQLite takes no schema in a foreign key, which is that of the table.
    const referenced = kind === 'sqlite' ? target : `${within}${target}`;
    await run(`create table ${within}${target} (id ${key}, title text, ${count} int not null default 0)`);
    await run(
      `create table ${within}${counted} (id ${key}, ${foreignKey} int not null, foreign key (${foreignKey}) references ${referenced} (id))`,
    );
  }
  await run(`create table ${schemas.two}.comment (id int primary key, post int not null)`);
  await run('create table item (id int primary key, bag_id int not null)');
  if (kept === 'triggers')
    for (const schema of [undefined, schemas.a, schemas.b]) await installTriggers(database.em.fork({ schema }));
  return {
    database,
    em: schema => database.em.fork({ schema }),
    rows: <Row extends object>(sql: string) => database.em.getConnection().execute<Row[]>(sql),
    async drop() {
      // PostgreSQL's schemas are parts of the database.
      if (kind !== 'sqlite' && kind !== 'postgresql')
        for (const schema of Object.values(schemas)) await run(`drop schema ${schema}`);
      await database.close(true);
      await drop();
      if (kind === 'sqlite') for (const { path } of attached) rmSync(path, { force: true });
    },
  };
}

/** Asserts that every stored count of every schema is exact. */
export async function expectExactTenants({ rows }: Tenants): Promise<void> {
  for (const [schema, target, count, counted, foreignKey] of tables) {
    const within = schema === '' ? '' : `${schema}.`;
    const wrong = await rows(
      `select t.id, t.${count} from ${within}${target} t where t.${count} <> (select count(*) from ${within}${counted} c where c.${foreignKey} = t.id)`,
    );
    expect(wrong, `drift of ${target} in ${schema || 'the own schema'}`).toEqual([]);
  }
}
