import { expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import { expectExactKeys, keys, Lecture, Seat, Tag, Usage } from '../models/keys.js';

/** The rows that one statement may read, and one may change. */
const READ = 1000;
const CHANGED = 500;
/** More than two chunks of rows for two targets; the second is not to be changed. */
const [MANY, FEW] = [READ * 2 + 100, 50];

describeOnEngineDatabases('a bulk change of many rows', kind => {
  const schema = useSchema(kind, keys);
  /** How often rows are read that are to be locked: InnoDB locks them by their keys before it locks an index. */
  const LOCKS = kind === 'mysql' || kind === 'mariadb' ? 2 : 1;

  /** Counts the rows that each reading statement of a change gives, and those that each changing one names. */
  async function countedIn(
    work: () => Promise<unknown>,
    table: string,
  ): Promise<{ read: number[]; changed: number[] }> {
    const connection = schema.database.em.getConnection();
    const execute = connection.execute.bind(connection);
    const read: number[] = [];
    connection.execute = (async (...parameters: Parameters<typeof execute>) => {
      const result: unknown = await execute(...parameters);
      if (
        Array.isArray(result) &&
        new RegExp(`from [\`"]${table}`).test(String(parameters[0])) &&
        !String(parameters[0]).includes('sqlite_master')
      )
        read.push(result.length);
      return result;
    }) as typeof execute;
    try {
      const statements = await statementsOf(schema.database, work);
      const changing = statements.filter(sql => new RegExp(`^(update|delete from) ${table}|^delete found`).test(sql));
      // The first part of a union of keys has none.
      const keysIn = (sql: string): number =>
        sql.startsWith('delete found')
          ? sql.split(' union all ').length - 1
          : sql.split(/ where /)[1]!.split(/, | or /).length;
      return { read, changed: changing.map(keysIn) };
    } finally {
      connection.execute = execute;
    }
  }

  it('a bulk change reads and changes the matching rows in chunks, and no other rows', async () => {
    const em = schema.em();
    const [one, other] = ['one', 'other'].map(id => em.create(Tag, { id }));
    await em.flush();
    await insertMany(
      schema.em(),
      Usage,
      Array.from({ length: MANY + FEW }, (_, index) => ({ tag: index < MANY ? one!.id : other!.id })) as never,
    );
    const { read, changed } = await countedIn(
      async () => expect(await deleteWhere(schema.em(), Usage, { tag: one!.id })).toBe(MANY),
      'usage_row',
    );
    // Once to find the targets, once under their lock.
    const underLock = [READ, READ, 100].flatMap(rows => Array<number>(LOCKS).fill(rows));
    expect(read).toEqual([READ, READ, 100, ...underLock]);
    expect(changed).toEqual([...Array.from({ length: (READ * 2) / CHANGED }, () => CHANGED), 100]);
    expect((await schema.rows('select 1 from usage_row')).length).toBe(FEW);
    await expectExactKeys(schema);
  });

  it('a bulk change of rows with composite keys reads and changes them in chunks', async () => {
    const em = schema.em();
    const [one, other] = [em.create(Lecture, {}), em.create(Lecture, {})];
    await em.flush();
    await insertMany(
      schema.em(),
      Seat,
      Array.from({ length: MANY + FEW }, (_, place) => ({
        lecture: place % 2 && place < 2 * FEW ? other.id : one.id,
        place,
      })),
    );
    const { read } = await countedIn(
      async () => expect(await updateWhere(schema.em(), Seat, {}, { present: true })).toBe(MANY + FEW),
      'seat',
    );
    expect(Math.max(...read)).toBe(READ);
    expect(read.reduce((sum, rows) => sum + rows)).toBe((1 + LOCKS) * (MANY + FEW));
    await expectExactKeys(schema);
    expect(await deleteWhere(schema.em(), Seat, { lecture: one.id })).toBe(MANY);
    expect((await schema.rows('select 1 from seat')).length).toBe(FEW);
    await expectExactKeys(schema);
  });
});
