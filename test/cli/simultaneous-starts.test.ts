import type { SqlEntityManager } from '@mikro-orm/sql';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { checkStrategy, installTriggers } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { addSampleData } from '../../src/tools/sample-data/seed-database.js';
import { placeToRun, type Place } from '../support/command-line.js';
import { beforeStatement } from '../support/between-statements.js';
import { describeOnEach, freshUrl, strategy } from '../support/databases.js';
import { coursesWithDrift } from '../support/courses-with-drift.js';

describeOnEach('an empty database', kind => {
  let url: string;
  let drop: () => Promise<void>;
  let place: Place;

  beforeEach(() => {
    ({ url, drop } = freshUrl(kind));
    place = placeToRun();
  });
  afterEach(async () => {
    place.leave();
    await drop();
  });

  async function looked<Result>(look: (database: Database) => Promise<Result>): Promise<Result> {
    const database = await openDatabase(url, strategy);
    const result = await look(database);
    await database.close(true);
    return result;
  }
  const rows = (database: Database): Promise<unknown[]> =>
    database.em
      .getConnection()
      .execute(
        'select (select count(*) from core_user) as users, (select count(*) from core_course) as courses, (select count(*) from core_enrollments) as enrollments',
      );

  it('an empty database is migrated and filled by one of two servers that start at once, and the other waits for that and serves', async () => {
    const servers = [1, 2].map(() => place.start(['serve'], { DATABASE_URL: url, COUNTERS: strategy }));
    await Promise.all(servers.map(server => server.says('Rollcall is ready')));
    for (const server of servers) server.process.kill('SIGTERM');
    const ends = await Promise.all(servers.map(server => server.ended));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    for (const { name } of dialects[kind].schema.migrations)
      expect(ends.filter(({ stderr }) => stderr.includes(`Applied the migration ${name}.`))).toHaveLength(1);
    expect(ends.filter(({ stderr }) => stderr.includes('Adding sample data'))).toHaveLength(1);
    expect(ends.filter(({ stderr }) => stderr.includes('"rollcall seed"'))).toEqual([]);
    // Both print a token of a user of the sample data, so neither began to serve before the data were there.
    expect(ends.filter(({ stdout }) => stdout.includes('admin (user 1)'))).toHaveLength(2);
    expect(await looked(rows)).toMatchObject([{ courses: 200, enrollments: 30_000 }]);
    expect(await looked(coursesWithDrift)).toEqual([]);
  });

  it('an empty database is filled by its first migration only, by one process, and not where it contained anything before', async () => {
    const databases = await Promise.all([1, 2, 3].map(() => openDatabase(url, strategy)));
    const filled: number[] = [];
    const fill = (index: number) => () => Promise.resolve(void filled.push(index));
    const names = await Promise.all(databases.map((database, index) => migrateUp(database, { fill: fill(index) })));
    expect(names.filter(applied => applied.length > 0)).toHaveLength(1);
    expect(filled).toEqual([names.findIndex(applied => applied.length > 0)]);
    await databases[0]!.migrator.down();
    expect(await migrateUp(databases[1]!, { fill: fill(9) })).toHaveLength(1);
    expect(filled).toHaveLength(1);
    await Promise.all(databases.map(database => database.close(true)));
  });

  it('an empty database is filled where triggers count, which come with it', async () => {
    const database = await openDatabase(url, 'triggers');
    const size = { courses: 3, students: 5, enrollments: 10 };
    const fill = async (em: SqlEntityManager): Promise<void> => {
      await installTriggers(em);
      await em.transactional(own => addSampleData(own, size));
    };
    expect(await migrateUp(database, { fill, withTriggers: true })).toHaveLength(
      dialects[kind].schema.migrations.length,
    );
    expect(await rows(database)).toMatchObject([{ courses: 3, enrollments: 10 }]);
    await checkStrategy(database.em);
    expect(await coursesWithDrift(database)).toEqual([]);
    await database.close(true);
  });

  // On PostgreSQL all migrations are one transaction, of which others see nothing before its end.
  if (kind !== 'postgresql')
    it('a database that one process migrates is not taken for half-migrated by another, at any statement', async () => {
      const ofTables =
        kind === 'sqlite'
          ? ['sqlite_master', 'pragma_table_info']
          : ['information_schema.tables', 'information_schema.columns'];
      for (const query of [...ofTables, 'select name from rollcall_migrations']) {
        const own = freshUrl(kind);
        const [one, other] = await Promise.all([openDatabase(own.url, strategy), openDatabase(own.url, strategy)]);
        // The table that records the migrations exists, and none of them is applied.
        await one.migrator.getPending();
        const another = beforeStatement(one, new RegExp(query), () =>
          migrateUp(other, { fill: em => addSampleData(em, { courses: 1, students: 1, enrollments: 1 }) }),
        );
        expect(await migrateUp(one)).toEqual([]);
        expect(another.done).toBe(true);
        await Promise.all([one.close(true), other.close(true)]);
        await own.drop();
      }
    });

  if (kind === 'sqlite')
    it('an empty database stays empty, without tables, where filling it fails, and the next start does both', async () => {
      await looked(database =>
        expect(migrateUp(database, { fill: () => Promise.reject(new Error('killed')) })).rejects.toThrow('killed'),
      );
      let filled = 0;
      expect(
        await looked(database => migrateUp(database, { fill: () => Promise.resolve(void filled++) })),
      ).toHaveLength(dialects[kind].schema.migrations.length);
      expect(filled).toBe(1);
    });
});
