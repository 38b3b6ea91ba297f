import { Migration } from '@mikro-orm/migrations';
import { firstCounts } from '../added-counts.js';
import { dropProcedure, makeProcedure } from './verify-procedure.js';

/** Creates the procedure verify_enrollment_counts() on MySQL and MariaDB. Errors: MissingPrivilegeError. */
export class VerifyProcedure extends Migration {
  override async up(): Promise<void> {
    await makeProcedure(sql => this.execute(sql) as Promise<object[]>, firstCounts);
  }

  override async down(): Promise<void> {
    await dropProcedure(sql => this.execute(sql) as Promise<object[]>);
  }
}
