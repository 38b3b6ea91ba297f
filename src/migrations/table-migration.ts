import { Migration } from '@mikro-orm/migrations';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Catalog } from './catalog.js';
import type { MadeTable } from './made-tables.js';
import { MigrationRefused } from './migration-refused.js';
import { foreignObjectsIn, occupiedTablesIn, withoutReferencesWithin } from './own-tables.js';

/**
 * A migration that makes tables. It never treats an existing table as its own, and undoing it drops only what it made,
 * whichever program runs it. Errors: MigrationRefused.
 */
export abstract class TableMigration extends Migration {
  /** The tables, in the order in which they can be dropped. */
  abstract readonly tables: readonly MadeTable[];

  /** The queries that tell which tables the database has. */
  protected abstract readonly catalog: Catalog;

  /** Adds the statements that make the tables. */
  protected abstract make(): void;

  override async up(): Promise<void> {
    const taken = await occupiedTablesIn(this.catalog, this.#em, this.tables);
    if (taken.length > 0)
      throw new MigrationRefused(
        `The database contains what Rollcall did not make: ${taken.join('; ')}. Nothing was changed. Give Rollcall an empty database of its own.`,
      );
    this.make();
  }

  override async down(): Promise<void> {
    refuseOthers(await foreignObjectsIn(this.catalog, this.#em, this.tables));
    const names = this.tables.map(({ name }) => name);
    for (const sql of await withoutReferencesWithin(this.catalog, this.#em, names)) this.addSql(sql);
    this.drop(names);
  }

  /**
   * An entity manager in the migration's transaction. MikroORM's own would replace the transaction of the entity
   * manager that the caller works with.
   */
  get #em(): SqlEntityManager {
    const em = this.driver.createEntityManager(false);
    em.setTransactionContext(this.ctx);
    return em;
  }

  /** Adds the statements that drop tables, some of which may be gone already. */
  protected drop(tables: readonly string[]): void {
    for (const table of tables) this.addSql(`drop table if exists ${table}`);
  }
}

/** Refuses to drop tables if something of others would be lost with them. Errors: MigrationRefused. */
export function refuseOthers(others: readonly string[]): void {
  if (others.length === 0) return;
  throw new MigrationRefused(
    `Undoing this migration would remove what Rollcall did not make: ${others.join('; ')}. Nothing was changed. Keep what you need of ${others.length === 1 ? 'it' : 'them'} elsewhere and drop ${others.length === 1 ? 'it' : 'them'} yourself; then undo the migration.`,
  );
}
