import { Routine } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';

/** A stored procedure that writes counted rows. */
export const EmptyTheTable = new Routine({
  name: 'empty_the_table',
  type: 'procedure',
  params: {},
  body: 'delete from core_enrollments',
});

class EmptiesTheTable extends Migration {
  override up(): void {
    this.addSql('delete from core_enrollments');
  }
}

/** A migration that writes counted rows. */
export const migration = {
  migrationsList: [{ name: 'EmptiesTheTable', class: EmptiesTheTable }],
  tableName: 'migrations_of_the_test',
  snapshot: false,
};
