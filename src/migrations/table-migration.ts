import { Migration } from '@mikro-orm/migrations';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Catalog } from './catalog.js';
import type { MadeTable } from './made-tables.js';
import { MigrationRefused } from './migration-refused.js';
import { othersIn, takenIn } from './own-tables.js';

/**
 * A migration that makes tables. It never takes an existing table for its own, and undoing it drops only what it made,
 * whichever program runs it. Errors: MigrationRefused.
 */
export abstract class TableMigration extends Migration {
  /** The tables, in the order in which they can be dropped. */
  abstract readonly tables: readonly MadeTable[];

  /** How the database tells which tables it has. */
  protected abstract readonly catalog: Catalog;

  /** Adds the statements that make the tables. */
  protected abstract make(): void;

  override async up(): Promise<void> {
    const taken = await takenIn(this.catalog, this.#em, this.tables);
    if (taken.length > 0)
      throw new MigrationRefused(
        `The database holds what Rollcall did not make: ${taken.join('; ')}. Nothing was changed. Give Rollcall an empty database of its own.`,
      );
    this.make();
  }

  override async down(): Promise<void> {
    refuseOthers(await othersIn(this.catalog, this.#em, this.tables));
    this.drop(this.tables.map(({ name }) => name));
  }

  /**
   * An entity manager in the migration's transaction. MikroORM's own would put that on the one that the caller works
   * with, where it has a transaction too.
   */
  get #em(): SqlEntityManager {
    const em = this.driver.createEntityManager(false);
    em.setTransactionContext(this.ctx);
    return em;
  }

  /** Adds the statements that drop tables, of which some may be gone already. */
  protected drop(tables: readonly string[]): void {
    for (const table of tables) this.addSql(`drop table if exists ${table}`);
  }
}

/** Refuses to drop tables with which something of others would go. Errors: MigrationRefused. */
export function refuseOthers(others: readonly string[]): void {
  if (others.length === 0) return;
  throw new MigrationRefused(
    `Undoing this migration would take away what Rollcall did not make: ${others.join('; ')}. Nothing was changed. Keep what you need of ${others.length === 1 ? 'it' : 'them'} elsewhere and drop ${others.length === 1 ? 'it' : 'them'} yourself; then undo the migration.`,
  );
}
