import { expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import type { AddedCount } from '../../src/migrations/added-counts.js';
import { addedCountMigration as onMySql } from '../../src/migrations/mysql/added-count.js';
import type { MigrationEntry } from '../../src/migrations/migration-entry.js';
import { postgreSqlAddedCounts } from '../../src/migrations/postgresql/index.js';
import { sqliteAddedCounts } from '../../src/migrations/sqlite/index.js';
import { transactionalAddedCount } from '../../src/migrations/transactional-added-count.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { migrate } from '../support/migrated.js';
import { addCourses, addEnrollments, addUsers, allRows } from '../support/rows.js';

const dropped: AddedCount = {
  migration: '2026-12-01-dropped-enrollments',
  column: 'dropped_enrollments',
  statuses: ['dropped'],
};

/** The functions that make the migration, by the kind of database. */
const addedOn: Readonly<Record<DatabaseKind, (count: AddedCount) => MigrationEntry>> = {
  sqlite: count => transactionalAddedCount(count, sqliteAddedCounts),
  mysql: onMySql,
  mariadb: onMySql,
  postgresql: count => transactionalAddedCount(count, postgreSqlAddedCounts),
};

/** Returns the new count of each course. */
async function counts(database: Database): Promise<number[]> {
  const rows = await database.em
    .getConnection()
    .execute<{ n: number | string }[]>('select dropped_enrollments as n from core_course order by id');
  return rows.map(({ n }) => Number(n));
}

describeOnEach('the migration that adds a stored count', kind => {
  it('the migration of an added count adds its column with the counts of the rows, and is undone without a loss', async () => {
    const { url, drop } = freshUrl(kind);
    const earlier = await openDatabase(url);
    await migrate(earlier);
    const [one, other] = await addCourses(earlier, [{}, {}]);
    const [first, second] = await addUsers(earlier, Role.STUDENT, 2);
    await addEnrollments(earlier, [
      { course: one!, student: first!, status: EnrollmentStatus.DROPPED },
      { course: one!, student: second!, status: EnrollmentStatus.DROPPED },
      { course: other!, student: first! },
    ]);
    const before = await allRows(earlier);
    await earlier.close(true);
    const database = await openDatabase(url);
    const migrations = database.config.get('migrations');
    const added = addedOn[kind](dropped);
    database.config.set('migrations', {
      ...migrations,
      migrationsList: [...(migrations.migrationsList ?? []), added],
    });
    expect((await database.migrator.up()).map(({ name }) => name)).toEqual([dropped.migration]);
    expect(await counts(database)).toEqual([2, 0]);
    await expect(
      database.em.getConnection().execute('update core_course set dropped_enrollments = dropped_enrollments - 1'),
    ).rejects.toThrow();
    await database.migrator.down(dropped.migration);
    expect(await allRows(database)).toEqual(before);
    await database.close(true);
    await drop();
  });
});
