import { expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { openDatabase } from '../../src/database/database.js';
import { findSchema } from '../../src/database/schema/own-schema.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { migrate, statementsOf } from '../support/migrated.js';

describeOnEach('migrations', kind => {
  it('migrations give the schema that the entities define', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    await database.migrator.up();
    expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    await database.close(true);
    await drop();
  });

  it('migrations each go down and up again, and leave nothing behind when all are down', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    const names = dialects[kind].schema.migrations.map(({ name }) => name);
    const upTo: string[] = [];
    for (const name of names) {
      await database.migrator.up(name);
      upTo.push(await database.schema.getUpdateSchemaSQL({ wrap: false }));
    }
    for (const [index, name] of [...names.entries()].toReversed()) {
      await database.migrator.down(name);
      await database.migrator.up(name);
      expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe(upTo[index]);
      await database.migrator.down(name);
    }
    expect(await database.migrator.getExecuted()).toEqual([]);
    const everything = await database.schema.getCreateSchemaSQL({ wrap: false });
    expect(statements(await database.schema.getUpdateSchemaSQL({ wrap: false }))).toEqual(statements(everything));
    await database.close(true);
    await drop();
  });
});

describeOnEach('the copy of the migrations for tests', kind => {
  it('the copy of the migrations for tests is what they leave, table for table, with the record of them', async () => {
    const [made, copied] = [freshUrl(kind), freshUrl(kind)];
    const [migrated, copy] = await Promise.all([made, copied].map(({ url }) => openDatabase(url)));
    await migrated!.migrator.up();
    await migrate(copy!);
    expect(await statementsOf(copy!)).toEqual(await statementsOf(migrated!));
    expect((await copy!.migrator.getExecuted()).map(({ name }) => name)).toEqual(
      dialects[kind].schema.migrations.map(({ name }) => name),
    );
    expect((await findSchema(copy!)).pending).toEqual([]);
    await Promise.all([migrated!, copy!].map(database => database.close(true)));
    await Promise.all([made, copied].map(({ drop }) => drop()));
  });
});

function statements(sql: string): string[] {
  const texts = sql.split(/;\s*/).map(text => text.trim());
  return texts.filter(text => text !== '' && text !== 'set names utf8mb4').toSorted();
}
