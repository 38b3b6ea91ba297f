import { Entity, Index, ManyToOne, PrimaryKey, Property, Unique, Check } from '@mikro-orm/decorators/legacy';
import { MikroORM } from '@mikro-orm/sql';
import { expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { describeOnMySql, freshUrl } from '../support/databases.js';
import { makeTables, withAdditions } from '../support/made-tables.js';
import { schemaOptions } from '../support/schema.js';

@Entity()
class Shelf {
  @PrimaryKey()
  id!: number;

  @ManyToOne(() => Shelf, { nullable: true })
  above?: Shelf | null;

  /** Refers to a table that is made later, which refers to this one. */
  @ManyToOne(() => Volume, { nullable: true })
  first?: Volume | null;

  @Index()
  @Property({ length: 40 })
  label!: string;
}

@Entity()
@Check({ name: 'volume_pages_check', expression: "pages > 0 and title not in ('add', 'x; y')" })
class Volume {
  @PrimaryKey()
  id!: number;

  @Unique()
  @Property({ length: 40, default: ') default character set (' })
  title!: string;

  @Property()
  pages!: number;

  @ManyToOne(() => Shelf)
  shelf!: Shelf;
}

describeOnMySql('the tables of a test', kind => {
  it("the tables of a test are those that MikroORM's schema generator makes, with fewer statements", async () => {
    const made: object[] = [];
    for (const make of [(database: Database) => database.schema.create(), makeTables]) {
      const { url, drop } = freshUrl(kind);
      const options = await schemaOptions(url, { entities: [Shelf, Volume], counters: [] });
      const database = (await MikroORM.init(options as never)) as unknown as Database;
      await make(database);
      for (const table of ['shelf', 'volume'])
        made.push(await database.em.getConnection().execute(`show create table ${table}`));
      const sql = await database.schema.getCreateSchemaSQL();
      // What is left is the key to the later table.
      expect([sql, withAdditions(sql)].map(text => text.match(/^alter table/gm)?.length)).toEqual([9, 1]);
      await database.close(true);
      await drop();
    }
    expect(made.slice(2)).toEqual(made.slice(0, 2));
  });
});
