import { MikroORM, raw, ReferenceKind, types, type EntityClass } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere, verify } from 'mikro-orm-counters';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { describeOnEach, freshUrl, kinds } from '../../support/databases.js';
import { makeTables } from '../../support/made-tables.js';
import { baseOptions, schemaOptions, useSchema, type Schema } from '../../support/schema.js';
import { Crate, Kind, Maker, market, Stall, Ware } from '../models/market.js';

// Each call is made by plain MikroORM on a database without counters and by the engine on an equal one.

type Where = Record<string | symbol, unknown>;

/** One call, made anew for each of the two databases, and the number of rows that it is about. */
interface Call {
  readonly rows: number;
  /** A condition; for insertMany() there is none. */
  readonly where?: (em: SqlEntityManager) => unknown;
  /** The data of updateWhere(), or the rows of insertMany(); none: the rows are deleted. */
  readonly data?: (em: SqlEntityManager) => object;
  readonly options?: (em: SqlEntityManager) => object;
  readonly prepare?: (em: SqlEntityManager) => void;
  readonly entity?: EntityClass<object>;
  /** Where the call is wrong, or MikroORM cannot do it: the engine has to fail too, and changes nothing. */
  readonly failsOn?: readonly DatabaseKind[];
  /** Where MikroORM cannot do it, but the engine can. */
  readonly newOn?: readonly DatabaseKind[];
}

const price = (value: unknown): Where => ({ price: value });
const deleted = (rows: number, where: Call['where'], rest: Partial<Call> = {}): Call => ({ rows, where, ...rest });
const updated = (rows: number, where: unknown, data: object, rest: Partial<Call> = {}): Call => ({
  rows,
  where: () => structuredCopy(where),
  data: () => structuredCopy(data) as object,
  ...rest,
});
const inserted = (data: (em: SqlEntityManager) => object[], rest: Partial<Call> = {}): Call => ({
  rows: data(undefined as never).length,
  data,
  ...rest,
});

/** Copies plain objects and lists, so that no call sees what MikroORM has changed in them; the rest stays the same. */
function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Reflect.ownKeys(value).map(key => [key, structuredCopy((value as Where)[key])]);
  return Object.fromEntries(entries) as unknown;
}

const conditions: Record<string, Call> = {
  'nothing, with a default filter': deleted(6, () => ({})),
  'a key of its own type': deleted(1, () => ({ id: 'K-1' })),
  'a plain key': deleted(1, () => 'K-1'),
  'a list of keys': deleted(2, () => ({ id: ['K-1', 'K-3'] })),
  'a relation with a key of its own type': deleted(3, () => ({ stall: 'K-1' })),
  'a relation by its key property': deleted(3, () => ({ stall: { id: 'K-1' } })),
  'an entity': deleted(3, em => ({ stall: em.getReference(Stall, 'K-1') })),
  'a reference': deleted(3, em => ({ stall: em.getReference(Stall, 'K-1', { wrapped: true }) })),
  'a relation of two columns': deleted(2, () => ({ maker: ['de', 1] })),
  'an entity with a key of two columns': deleted(2, em => ({ maker: em.getReference(Maker, ['de', 1]) })),
  'a path through a relation': deleted(3, () => ({ stall: { name: 'One' } })),
  'a path to two of the stalls': deleted(5, () => ({ stall: { tenant: 1 } })),
  'a collection, whose elements find a row twice': deleted(1, () => ({ notes: { text: { $like: 'n%' } } })),
  'a collection operator': deleted(1, () => ({ notes: { $some: { text: 'n1' } } }), { newOn: ['mysql'] }),
  'the opposite of a collection operator': deleted(5, () => ({ notes: { $none: { text: 'n1' } } }), {
    newOn: ['mysql'],
  }),
  'a many-to-many collection': deleted(2, () => ({ labels: { id: [1, 2] } })),
  'a one-to-one relation': deleted(1, () => ({ label: { text: 'First' } })),
  '$and, $or and $not': deleted(3, () => ({
    $and: [{ $or: [{ stall: 'K-1' }, { stall: null }] }, { $not: { price: 1 } }],
  })),
  'a type of its own': deleted(1, () => price(1)),
  'operators of a type of its own': deleted(2, () => price({ $gt: 1, $lte: 3 })),
  'a list of values of a type of its own': deleted(2, () => price([1, 2])),
  'a flag of a type of its own': deleted(3, () => ({ fresh: true })),
  'a type converted in SQL': deleted(1, () => ({ code: 'AB1' })),
  'an enum and a boolean': deleted(1, () => ({ kind: Kind.BREAD, shown: true })),
  null: deleted(1, () => ({ stock: null })),
  'a text by a pattern': deleted(3, () => ({ name: { $like: '%e%' } })),
  'a property with a column of another name': deleted(1, () => ({ name: 'Apple' })),
  'a bigint and a decimal': deleted(1, () => ({ big: '5000000000', decimal: '1.50' })),
  'a date and a time': deleted(1, () => ({ day: '2026-01-01', at: new Date('2026-01-01T10:00:00.123Z') })),
  'a uuid': deleted(1, () => ({ uuid: '11111111-1111-4111-8111-111111111111' })),
  'a blob': deleted(1, () => ({ blob: Buffer.from('blob1') })),
  JSON: deleted(1, () => ({ data: { a: { b: 1 } } })),
  'an embedded object in columns': deleted(1, () => ({ size: { width: 1, weight: 1.5 } })),
  'an embedded object in JSON': deleted(1, () => ({ origin: { place: 'Bonn' } })),
  'a formula': deleted(6, () => ({ next: 2 }), { newOn: kinds }),
  'a generated column': deleted(6, () => ({ double2: 2 })),
  'SQL as a key': deleted(2, () => ({ [raw('stock + 1')]: [1, 4] })),
  'SQL with an alias as a key': deleted(1, () => ({ [raw(alias => `${alias}.stock * 2`)]: 6 }), {
    newOn: kinds,
  }),
  'SQL as a value': deleted(1, () => ({ stock: raw('3 * ?', [1]) })),
  'SQL as a whole condition': deleted(1, () => ({ [raw('stock = ?', [3])]: [] })),
  'a subquery': deleted(3, em => ({
    stall: { $in: em.createQueryBuilder(Stall).select('id').where({ name: 'One' }).toRaw() },
  })),
};

const filters: Record<string, Call> = {
  'filters: false': deleted(8, () => ({}), { options: () => ({ filters: false }) }),
  'one filter off': deleted(8, () => ({}), { options: () => ({ filters: { tenant: false } }) }),
  'a filter with parameters': deleted(2, () => ({}), { options: () => ({ filters: { cheap: { limit: 3 } } }) }),
  'a filter with parameters of the entity manager': deleted(2, () => ({}), {
    prepare: em => em.setFilterParams('cheap', { limit: 3 }),
    options: () => ({ filters: ['cheap'] }),
  }),
  'a filter without its parameters': deleted(0, () => ({}), {
    options: () => ({ filters: ['cheap'] }),
    failsOn: kinds,
  }),
  'a filter that asks what is done, in a DELETE': deleted(2, () => ({}), { options: () => ({ filters: ['kind'] }) }),
  'a filter that asks what is done, in an UPDATE': updated(
    4,
    {},
    { name: 'x' },
    { options: () => ({ filters: ['kind'] }) },
  ),
  'a filter through a relation': deleted(3, () => ({}), {
    options: () => ({ filters: { stallName: { name: 'One' } } }),
  }),
  'a filter of the entity manager': deleted(1, () => ({}), {
    prepare: em => em.addFilter({ name: 'mine', cond: { stock: 3 }, entity: Ware }),
  }),
  'an asynchronous filter': deleted(1, () => ({}), {
    prepare: em => em.addFilter({ name: 'mine', cond: () => Promise.resolve({ stock: 3 }), entity: Ware }),
  }),
  'a default filter in an UPDATE': updated(6, {}, { stall: 'K-2' }),
};

const options: Record<string, Call> = {
  unionWhere: deleted(2, () => ({}), {
    options: () => ({ unionWhere: [{ id: 'K-1' }, { name: 'Bagel' }] }),
    failsOn: ['sqlite'],
  }),
  'unionWhere with a strategy': deleted(1, () => ({ stall: 'K-1' }), {
    options: () => ({ unionWhere: [{ stock: 3 }, { stock: 3 }], unionWhereStrategy: 'union' }),
    failsOn: ['sqlite'],
  }),
  'unionWhere of an UPDATE': updated(
    2,
    {},
    { shown: true, stall: 'K-2' },
    {
      options: () => ({ unionWhere: [{ name: 'Apple' }, { name: 'Bagel' }] }),
      failsOn: ['sqlite'],
    },
  ),
  'logging and a signal': deleted(1, () => ({ id: 'K-1' }), {
    options: () => ({
      logging: { enabled: false },
      loggerContext: { label: 'x' },
      signal: new AbortController().signal,
      inflightQueryAbortStrategy: 'ignore query',
    }),
  }),
  'a signal that was given': deleted(0, () => ({ id: 'K-1' }), {
    options: () => ({ signal: AbortSignal.abort() }),
    failsOn: kinds,
  }),
};

const changes: Record<string, Call> = {
  'a relation by a key of its own type': updated(3, { stall: 'K-1' }, { stall: 'K-2' }),
  'a relation by an entity': { ...updated(6, {}, {}), data: em => ({ stall: em.getReference(Stall, 'K-2') }) },
  'a relation of two columns': updated(6, {}, { maker: ['fr', 2] }),
  'a relation of two columns to null': updated(6, {}, { maker: null }),
  'no relation': updated(6, {}, { stall: null }),
  'its own key': updated(1, { id: 'K-6' }, { id: 'K-9', stall: 'K-1' }),
  'conditions of counters': updated(6, {}, { shown: true, kind: Kind.BREAD, stock: 0 }),
  'types of its own': updated(6, {}, { price: 2.5, fresh: false, code: 'NEW' }),
  'a column by its name': updated(6, {}, { stall_id: 2, title: 'Same' }),
  texts: updated(6, {}, { name: 'n', text: 't', mark: 'abc', uuid: '22222222-2222-4222-8222-222222222222' }),
  numbers: updated(6, {}, { small: 1, tiny: 2, medium: 3, big: '4', decimal: '5.50', float: 0.5, double: 0.25 }),
  dates: updated(6, {}, { day: '2026-02-02', hour: '10:00:00', at: new Date('2026-02-02T00:00:00.001Z') }),
  bytes: updated(6, {}, { blob: Buffer.from('b'), bytes: new Uint8Array([1, 2]) }),
  lists: updated(6, {}, { words: ['a', 'b'], kinds: [Kind.FRUIT] }),
  JSON: updated(6, {}, { data: { a: [1, { b: null }] } }),
  'embedded objects': updated(
    6,
    {},
    {
      size: { width: 5, weight: 2.5 },
      origin: { place: 'Kiel' },
      origins: [{ place: 'Ulm', year: 1 }],
    },
  ),
  'a part of an embedded object': updated(6, {}, { size: { weight: 2.5 } }),
  'a part of an embedded object by its name': updated(6, {}, { size_weight: 2.5 }),
  'everything to null': updated(
    6,
    {},
    { price: null, fresh: null, data: null, words: null, origin: null, stock: null },
  ),
  'a version of its own': updated(6, {}, { version: 7 }),
  nothing: updated(0, {}, {}),
  'a many-to-many collection': updated(1, { id: 1 }, { stall: 'K-2', labels: [2, 3] }, { entity: Crate }),
  'a many-to-many collection alone': updated(0, { id: 1 }, { labels: [2] }, { entity: Crate }),
  'SQL as a value': updated(6, {}, { name: raw("concat('a', 'b')") }),
  'SQL that changes a condition': updated(6, {}, { stock: raw('stock - ?', [3]) }),
  'SQL that moves rows': updated(6, {}, { stall: raw('case when stock > 1 then 2 else 1 end') }),
  'SQL that moves rows, by a column': updated(6, {}, { stall_id: raw('2') }),
  'SQL as a key that moves rows': { ...updated(6, {}, {}), data: () => ({ name: 'x', [raw('stall_id')]: 2 }) },
  'values that the database stores in another form': updated(6, {}, { stock: '0' }),
};

const ware = (id: number, rest: object = {}): object => ({ id: `K-${id}`, name: `Ware ${id}`, version: 1, ...rest });

const rows: Record<string, Call> = {
  'keys of types of their own': inserted(() => [ware(11, { stall: 'K-1' }), ware(12, { stall: 'K-2', shown: true })]),
  'values of types of their own': inserted(() => [
    ware(11, { stall: 'K-1', price: 1.5, fresh: true, code: 'NEW' }),
    ware(12, { price: null, fresh: false }),
  ]),
  'relations of two columns': inserted(() => [ware(11, { maker: ['de', 1] }), ware(12, { maker: null }), ware(13)]),
  'every kind of value': inserted(() => [
    ware(11, {
      tenant: 2,
      stall: 'K-2',
      label: 3,
      shown: true,
      kind: Kind.BREAD,
      stock: 0,
      text: 't',
      mark: 'abc',
      small: 1,
      tiny: 2,
      medium: 3,
      big: '4',
      decimal: '5.50',
      float: 0.5,
      double: 0.25,
      day: '2026-02-02',
      hour: '10:00:00',
      at: new Date('2026-02-02T00:00:00.001Z'),
      blob: Buffer.from('b'),
      uuid: '22222222-2222-4222-8222-222222222222',
      bytes: new Uint8Array([1]),
      words: ['a'],
      kinds: [Kind.BREAD],
      data: { a: 1 },
      origin: { place: 'Kiel' },
      origins: [{ place: 'Ulm' }],
    }),
  ]),
  'parts of an embedded object by their names': inserted(() => [ware(11, { size_width: 1, size_weight: 2.5 })]),
  'different properties': inserted(() => [ware(11, { stall: 'K-1' }), ware(12, { shown: true, stock: 0 })]),
  'a column by its name': inserted(() => [ware(11, { stall_id: 1 })]),
  'a many-to-many collection': inserted(
    () => [
      { id: 11, stall: 'K-1', labels: [1, 3] },
      { id: 12, stall: 'K-2' },
    ],
    { entity: Crate },
  ),
  'without conversion': inserted(() => [{ id: 11, stall: 1, price: 150, fresh: 'Y', version: 1 }], {
    options: () => ({ convertCustomTypes: false }),
  }),
  'SQL as a value that no counter looks at': inserted(() => [
    ware(11, { stall: 'K-1', name: raw("concat('a', 'b')") }),
  ]),
  'a key that is there': inserted(() => [ware(11, { stall: 'K-1' }), ware(1, { stall: 'K-1' })], { failsOn: kinds }),
};

const seed = [
  `insert into stall (id, name, tenant) values (1, 'One', 1), (2, 'Two', 1), (3, 'Three', 2)`,
  `insert into maker (country, number) values ('de', 1), ('fr', 2)`,
  `insert into label (id, text) values (1, 'First'), (2, 'Second'), (3, 'Third')`,
  `insert into ware (id, tenant, stall_id, maker_country, maker_number, label_id, shown, kind, stock, price, fresh, code, title,
    big, decimal_, day, at, uuid, blob_, data, size_width, size_weight, origin) values
    (1, 1, 1, 'de', 1, 1, true, 'bread', 3, 100, 'Y', 'ab1', 'Apple', 5000000000, 1.5, '2026-01-01', AT, '11111111-1111-4111-8111-111111111111', BLOB, '{"a":{"b":1}}', 1, 150, '{"place":"Bonn"}'),
    (2, 1, 1, 'de', 1, null, false, 'fruit', 0, 200, 'N', 'ab2', 'Bagel', 1, 1, null, null, null, null, null, null, null, null),
    (3, 1, 1, null, null, null, false, 'fruit', 5, 300, 'Y', 'ab3', 'Cherry', 1, 1, null, null, null, null, '{"a":{"b":2}}', null, null, null),
    (4, 1, 2, 'fr', 2, null, true, 'fruit', 1, 10000, 'Y', null, null, null, null, null, null, null, null, null, null, null, null),
    (5, 1, null, 'fr', 2, null, false, 'bread', 9, 1, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (6, 1, 2, null, null, null, false, 'fruit', null, null, 'N', null, null, null, null, null, null, null, null, null, null, null, null),
    (7, 2, 1, 'de', 1, null, true, 'bread', 3, 100, 'Y', null, 'Apple', null, null, null, null, null, null, null, null, null, null),
    (8, 2, 3, null, null, null, false, 'fruit', 2, 200, 'Y', null, null, null, null, null, null, null, null, null, null, null, null)`,
  `insert into note (id, ware_id, text) values (1, 1, 'n1'), (2, 1, 'n2'), (3, 7, 'n1')`,
  `insert into crate (id, stall_id) values (1, 1), (2, 1)`,
  `insert into crate_labels (crate_id, label_id) values (1, 1), (2, 1)`,
  `insert into ware_labels (ware_id, label_id) values (1, 1), (1, 2), (2, 1), (7, 1)`,
];

const tables = {
  ware: 'id',
  note: 'id',
  ware_labels: 'ware_id, label_id',
  crate: 'id',
  crate_labels: 'crate_id, label_id',
};

/** What a call returned, or that it failed. */
type Outcome = { readonly rows: number } | { readonly error: string };

it('the wares have a property of every kind and type that MikroORM has', async () => {
  const { url, drop } = freshUrl('sqlite');
  const orm = await MikroORM.init({ ...(await schemaOptions(url, market)) } as never);
  const { props } = orm.getMetadata().get(Ware);
  expect(new Set(props.map(({ kind }) => kind))).toEqual(new Set(Object.values(ReferenceKind)));
  const used = new Set<unknown>(props.map(({ customType }) => customType?.constructor));
  const plain = new Set(props.flatMap(({ type, enum: isEnum }) => (isEnum ? [type, 'enum'] : [type])));
  const absent = Object.entries(types).filter(([name, type]) => !used.has(type) && !plain.has(name));
  // An interval is PostgreSQL's, an array of enums is an enum here, and an unknown type is none.
  expect(absent.map(([name]) => name)).toEqual(['interval', 'unknown']);
  await orm.close(true);
  await drop();
});

describeOnEach('a bulk write', kind => {
  const schema = useSchema(kind, market);
  let plain: MikroORM;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const { url, drop: dropPlain } = freshUrl(kind);
    drop = dropPlain;
    plain = await MikroORM.init({
      ...(await baseOptions(url, 'hooks', market.entities)),
      subscribers: [],
      entityManager: undefined,
      entities: [...market.entities],
    } as never);
    await makeTables(plain);
  });

  afterAll(async () => {
    await plain.close(true);
    await drop();
  });

  const plainRows = (sql: string): Promise<object[]> => (plain.em as SqlEntityManager).getConnection().execute(sql);

  beforeEach(async () => {
    for (const table of ['note', 'ware_labels', 'ware', 'crate_labels', 'crate', 'label', 'maker', 'stall'])
      await plainRows(`delete from ${table}`);
    const at = kind === 'sqlite' ? String(Date.parse('2026-01-01T10:00:00.123Z')) : "'2026-01-01 10:00:00.123'";
    const quote = kind === 'mysql' || kind === 'mariadb' ? '`' : '"';
    for (const sql of seed) {
      const statement = sql
        .replace(' AT,', ` ${at},`)
        .replace(' BLOB,', kind === 'postgresql' ? String.raw` '\x626c6f6231',` : " x'626c6f6231',")
        .replace('decimal_', `${quote}decimal${quote}`)
        .replace('blob_', `${quote}blob${quote}`);
      await plainRows(statement);
      await schema.write(statement);
    }
    for (const column of Object.values(countSql)) await schema.write(column);
  });

  async function made(call: Call, em: SqlEntityManager, byEngine: boolean): Promise<Outcome> {
    call.prepare?.(em);
    const settings = call.options?.(em) ?? {};
    const data = call.data?.(em) as never;
    const entity = call.entity ?? Ware;
    try {
      if (!call.where) {
        if (byEngine) return { rows: await insertMany(em, entity, data, settings) };
        await em.insertMany(entity, data, settings);
        return { rows: (data as unknown[]).length };
      }
      const where = call.where(em) as never;
      if (data)
        return {
          rows: await (byEngine
            ? updateWhere(em, entity, where, data, settings)
            : em.nativeUpdate(entity, where, data, settings)),
        };
      return {
        rows: await (byEngine ? deleteWhere(em, entity, where, settings) : em.nativeDelete(entity, where, settings)),
      };
    } catch (error) {
      return { error: (error as Error).name };
    }
  }

  const groups = {
    'by a condition with': conditions,
    'with a filter:': filters,
    'with the option': options,
    'that changes': changes,
    'of rows with': rows,
  };
  for (const [group, calls] of Object.entries(groups)) {
    for (const [name, call] of Object.entries(calls)) {
      it(`a bulk write ${group} ${name} does what the entity manager does, and counts it`, async () => {
        const before = await allRows(plainRows);
        const fails = call.failsOn?.includes(kind);
        const expected = await made(call, plain.em.fork() as SqlEntityManager, false);
        const outcome = await made(call, schema.em(), true);
        if (call.newOn?.includes(kind)) {
          expect(expected).toHaveProperty('error');
          expect(outcome).toEqual({ rows: call.rows });
        } else {
          expect(outcome).toEqual(fails ? { error: expect.any(String) as unknown } : { rows: call.rows });
          expect(outcome).toEqual(expected);
          expect(await allRows(schema.rows)).toEqual(fails ? before : await allRows(plainRows));
        }
        await expectCounted(schema);
      });
    }
  }
});

/** Reads all rows that a call may change. */
function allRows(read: (sql: string) => Promise<object[]>): Promise<object[][]> {
  return Promise.all(Object.entries(tables).map(([table, key]) => read(`select * from ${table} order by ${key}`)));
}

const countSql = {
  stall: `update stall set ware_count = (select count(*) from ware w where w.stall_id = stall.id),
    shown_count = (select count(*) from ware w where w.stall_id = stall.id and w.shown = true),
    bread_count = (select count(*) from ware w where w.stall_id = stall.id and w.kind = 'bread'),
    empty_count = (select count(*) from ware w where w.stall_id = stall.id and (w.stock = 0 or w.stock is null)),
    crate_count = (select count(*) from crate c where c.stall_id = stall.id)`,
  maker: `update maker set ware_count = (select count(*) from ware w where w.maker_country = maker.country and w.maker_number = maker.number)`,
};

describeOnEach('what a bulk write cannot do', kind => {
  const schema = useSchema(kind, market);
  const em = () => schema.em();

  it('a bulk write refuses an option that it would not follow, by its name', async () => {
    for (const option of ['upsert', 'limit', 'orderBy', 'em', 'onConflictAction']) {
      const given = { [option]: 1 };
      const refused = { code: 'COUNTER_DECLARATION', message: expect.stringContaining(`"${option}"`) as unknown };
      await expect(deleteWhere(em(), Ware, {}, given)).rejects.toMatchObject(refused);
      await expect(updateWhere(em(), Ware, {}, {}, given)).rejects.toMatchObject(refused);
      await expect(insertMany(em(), Ware, [], given)).rejects.toMatchObject(refused);
    }
    // @ts-expect-error The option is one of em.upsert().
    await expect(updateWhere(em(), Ware, {}, {}, { upsert: true })).rejects.toThrow('upsert');
    // @ts-expect-error The option is one of em.find().
    await expect(deleteWhere(em(), Ware, {}, { limit: 1 })).rejects.toThrow('limit');
    await expect(deleteWhere(em(), Ware, {}, { schema: undefined, signal: undefined })).resolves.toBe(0);
  });

  it('insertMany() refuses SQL as a value by which a row is counted', async () => {
    for (const [name, value] of Object.entries({ stall: raw('1'), stall_id: raw('1'), stock: raw('0'), STALL_ID: 1 }))
      await expect(insertMany(em(), Ware, [ware(1, { [name]: value }) as never])).rejects.toMatchObject({
        code: 'COUNTER_BYPASS',
        message: expect.stringContaining(name) as unknown,
      });
    expect(await schema.rows('select * from ware')).toEqual([]);
  });
});

async function expectCounted(schema: Schema): Promise<void> {
  for (const target of [Stall, Maker])
    for await (const { drifts } of verify(schema.em(), target)) expect(drifts).toEqual([]);
}
