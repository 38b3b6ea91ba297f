import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dialectOf, type Database } from '../../src/database/database.js';
import { faultOf } from '../../src/database/faults/fault-of.js';
import { builderFor, rows, rowsWithin } from '../../src/database/query.js';
import { dateOf, type StoredMoment } from '../../src/database/tables.js';
import { Role } from '../../src/entities/index.js';
import { addUser } from '../support/api.js';
import { describeOnEach, describeOnServers, freshDatabase } from '../support/databases.js';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let database: Database;

describeOnEach('the dialect', kind => {
  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ database } = opened);
  });
  afterEach(() => opened.drop());

  it('the dialect is carried by the database, and by each of its entity managers', async () => {
    expect(dialectOf(database).kind).toBe(kind);
    expect(dialectOf(database.em.fork())).toBe(dialectOf(database));
    await database.em.fork().transactional(em => {
      expect(dialectOf(em)).toBe(dialectOf(database));
      return Promise.resolve();
    });
  });

  it('the dialect writes moments by the clock of the database in the form of its columns', async () => {
    const { now } = dialectOf(database).sql;
    const [moments] = await rows(
      database,
      builderFor(database).selectNoFrom([
        sql.raw<StoredMoment>(now()).as('now'),
        sql.raw<StoredMoment>(now(60)).as('later'),
      ]),
    );
    expect(dateOf(moments!.later).getTime() - dateOf(moments!.now).getTime()).toBe(60_000);
  });
});

describeOnServers('a query for update', kind => {
  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ database } = opened);
  });
  afterEach(() => opened.drop());

  it('a query for update keeps others from its rows until the transaction ends', async () => {
    const id = await addUser(database, Role.STUDENT);
    const query = builderFor(database).selectFrom('core_user').select('id').where('id', '=', id);
    const [first, second] = [database.em.fork(), database.em.fork()];
    await first.begin();
    expect(await rowsWithin(first, dialectOf(database).sql.forUpdate(query))).toEqual([{ id }]);
    await expect(second.execute('select id from core_user where id = ? for update nowait', [id])).rejects.toSatisfy(
      error => faultOf(error)?.kind === 'lock_wait',
    );
    await first.rollback();
    expect(await second.execute('select id from core_user where id = ? for update nowait', [id])).toEqual([{ id }]);
  });
});
