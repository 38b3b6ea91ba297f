import { MikroORM } from '@mikro-orm/sql';
import { CompiledQuery, Kysely, MysqlDialect, type DatabaseConnection } from 'kysely';
import { createPool, type PoolOptions } from 'mysql2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.js';
import { describeOnMySql } from '../../support/databases.js';
import { freshSchema, schemaOptions } from '../../support/schema.js';
import { Book, library, Shelf } from '../models/library.js';

describeOnMySql('connections of hooks to a database with triggers', kind => {
  let opened: Awaited<ReturnType<typeof freshSchema>>;
  beforeAll(async () => {
    opened = await freshSchema(kind, library, 'triggers');
  });
  afterAll(() => opened.drop());

  const dialect = (options: PoolOptions = {}): MysqlDialect =>
    new MysqlDialect({ pool: createPool({ uri: opened.url.replace(/^mariadb:/, 'mysql:'), ...options }) });

  /** Sets what an application wants of its sessions. */
  async function prepare(connection: unknown): Promise<void> {
    await (connection as DatabaseConnection).executeQuery(CompiledQuery.raw("set @of_the_application = 'set'"));
  }

  const connections: [name: string, its: string, options: () => object][] = [
    ['of the ORM', 'unset', () => ({ onCreateConnection: undefined })],
    ['that the application prepares', 'set', () => ({ onCreateConnection: prepare })],
    ['that the application prepares when they are taken', 'set', () => ({ onReserveConnection: prepare })],
    [
      'that forget their session when they are given back',
      'unset',
      () => ({ driverOptions: { resetOnRelease: true }, onCreateConnection: undefined }),
    ],
    ["of an application's own dialect", 'unset', () => ({ driverOptions: dialect() })],
    [
      "of an application's own dialect whose connections forget",
      'unset',
      () => ({ driverOptions: dialect({ resetOnRelease: true }) }),
    ],
    ["of an application's own Kysely", 'unset', () => ({ driverOptions: () => new Kysely({ dialect: dialect() }) })],
  ];

  it.each(connections)('rows that are written by connections %s are counted once', async (_name, its, options) => {
    const orm = (await MikroORM.init(
      (await schemaOptions(opened.url, { ...library, options: options() as never }, 'hooks')) as never,
    )) as unknown as Database;
    try {
      const em = orm.em.fork();
      const shelf = em.create(Shelf, { name: 'A shelf' });
      em.create(Book, { title: 'A book', shelf });
      await em.flush();
      // A raw statement, and a transaction of Kysely's own.
      const variables = 'select @counters_kept_by_hooks as hooks, @of_the_application as its';
      expect(await em.execute(variables)).toMatchObject([{ hooks: 1, its: its === 'set' ? 'set' : null }]);
      const title = await orm.em
        .getKysely()
        .transaction()
        .execute(async transaction => (await transaction.executeQuery(CompiledQuery.raw(variables))).rows[0]);
      expect(title).toMatchObject({ hooks: 1 });
      em.create(Book, { title: 'Another', shelf });
      await em.flush();
      const rows = await opened.database.em.execute('select book_count from shelf where id = ?', [shelf.id]);
      expect(rows).toMatchObject([{ book_count: 2 }]);
    } finally {
      await orm.close(true);
    }
  });
});
