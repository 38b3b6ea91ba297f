import type { DatabaseConnection } from 'kysely';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { MikroORM } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../../src/database/database.js';
import type { Pool } from '../../src/database/dialects/mysql-and-mariadb/idle-connections.js';
import { mariaDbIdleLimit } from '../../src/database/dialects/mariadb/dialect.js';
import { mySqlIdleLimit } from '../../src/database/dialects/mysql/dialect.js';
import { ormOptions } from '../../src/database/orm-options.js';
import { prepareSession } from '../../src/database/connections/prepare-session.js';
import type { ServerConnection } from '../../src/database/dialects/mysql-and-mariadb/server-connection.js';
import { sessionSettings } from '../../src/database/dialects/mysql-and-mariadb/session-settings.js';
import { Role } from '../../src/entities/index.js';
import { writeBackup } from '../../src/tools/backup/write-backup.js';
import { enroll } from '../../src/use-cases/enrollments.js';
import { addCourse, addUser } from '../support/api.js';
import { describeOnMySql, freshDatabase } from '../support/databases.js';
import { expectExactCounts } from '../support/rows.js';

const admin = { userId: null, role: Role.ADMIN };

describeOnMySql('an idle connection', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let database: Database;

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ database } = opened);
  });
  afterEach(() => opened.drop());

  const setting = kind === 'mysql' ? 'wait_timeout' : 'idle_transaction_timeout';
  const seconds = async (): Promise<unknown> => {
    const [row] = await database.em
      .getConnection()
      .execute<{ seconds: number }[]>(`select @@session.${setting} as seconds`);
    return Number(row!.seconds);
  };
  const connectionId = async (): Promise<number> =>
    (await database.em.getConnection().execute<{ id: number }[]>('select connection_id() as id'))[0]!.id;

  it('the database ends an idle connection in the middle of a transaction, as that of a frozen server, and frees its locks', async () => {
    expect(await seconds()).toBe(15);
    const options = {
      ...(await ormOptions(opened.url)),
      onCreateConnection: (one: unknown) =>
        prepareSession(
          one as DatabaseConnection,
          sessionSettings(kind === 'mysql' ? mySqlIdleLimit : mariaDbIdleLimit, 1),
        ),
    };
    const frozen = (await MikroORM.init(options as never)) as unknown as Database;
    onTestFinished(() => frozen.close(true));
    const [course, student] = [await addCourse(database), await addUser(database, Role.STUDENT)];
    const em = frozen.em.fork();
    await em.begin();
    await em.execute('update core_course set capacity = 1 where id = ?', [course], 'run');
    expect(await enroll(database, admin, { courseId: course, studentId: student })).toMatchObject({ problems: [] });
    await expect(em.execute('select 1')).rejects.toThrow();
    await em.rollback().catch(() => undefined);
    // The pool has recovered: the next statement gets a working connection.
    expect(await frozen.em.getConnection().execute('select capacity from core_course')).toEqual([{ capacity: null }]);
    await expectExactCounts(database);
  });

  it('a connection is not reused after it was idle for so long that the server may have closed it', async () => {
    const before = await connectionId();
    expect(await connectionId()).toBe(before);
    const pool = (await (
      database.em.getConnection() as unknown as ServerConnection
    ).getNativeClient()) as unknown as Pool;
    for (let index = 0; index < pool._freeConnections.length; index += 1)
      Object.assign(pool._freeConnections.get(index)!, { lastActiveTime: 0 });
    expect(await connectionId()).not.toBe(before);
  });

  it.each<[string, (database: Database) => Promise<unknown>]>([
    ['a migration', one => dialectOf(one).schema.exclusively(one, () => Promise.resolve())],
    ['a backup', one => writeBackup(one, admin, () => Promise.resolve())],
  ])(
    'a connection whose transaction is open while %s may be idle for as long as that takes, and no longer',
    async (_, work) => {
      const statements: string[] = [];
      database.config.set('onQuery', sql => {
        statements.push(sql);
        return sql;
      });
      await work(database);
      const settings = statements.filter(sql => sql.includes(setting));
      expect(settings).toEqual([
        `set session ${setting} = ${dialectOf(database).kind === 'mysql' ? 31_536_000 : 0}`,
        `set session ${setting} = 15`,
      ]);
      expect(await seconds()).toBe(15);
    },
  );
});
