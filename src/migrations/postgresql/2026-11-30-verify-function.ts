import { Migration } from '@mikro-orm/migrations';
import { firstCounts } from '../added-counts.js';
import { functionDrops, functionStatements } from './verify-function.js';

/** Creates the function verify_enrollment_counts() on PostgreSQL. */
export class VerifyFunction extends Migration {
  override async up(): Promise<void> {
    for (const sql of await functionStatements(this.#execute, firstCounts)) this.addSql(sql);
  }

  override async down(): Promise<void> {
    for (const sql of await functionDrops(this.#execute)) this.addSql(sql);
  }

  readonly #execute = (sql: string): Promise<object[]> => this.execute(sql) as Promise<object[]>;
}
