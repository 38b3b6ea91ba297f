import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  Collection,
  EntityManager,
  type EventSubscriber,
  type FlushEventArgs,
  FlushMode,
  type ForkOptions,
  type Opt,
  type Ref,
  type TransactionOptions,
  TransactionPropagation,
} from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { MikroORM, SqlEntityManager } from '@mikro-orm/sql';
import { afterEach, describe, expect, it } from 'vitest';
import { CountingEntityManager, defineCounter, withCounters } from 'mikro-orm-counters';
// The list is no part of the engine's interface.
import {
  discoveryOptions,
  ormOptions,
  schemaGeneratorOptions,
} from '../../../src/counters/src/declarations/orm-options.js';
import type { Options } from '../../../src/database/orm-options.js';
import { schemaOptions, useSchema } from '../../support/schema.js';
import {
  addBook,
  addShelves,
  Book,
  expectExactLibrary,
  library as model,
  Shelf,
  shelfCount,
} from '../models/library.js';

const declarations = readFileSync(
  createRequire(import.meta.url)
    .resolve('@mikro-orm/core')
    .replace('index.js', 'utils/Configuration.d.ts'),
  'utf8',
);

/** Returns the names that a block of MikroORM's own declarations has, at one depth of indentation. */
function declaredIn(beginning: string, end: string, indentation: number): string[] {
  const start = declarations.indexOf(beginning);
  expect(start, beginning).toBeGreaterThanOrEqual(0);
  const block = declarations.slice(start, declarations.indexOf(`\n${end}`, start));
  return [...block.matchAll(new RegExp(`^ {${indentation}}(\\w+)\\??:`, 'gm'))].map(([, name]) => name!);
}

describe('the list of options', () => {
  it('the list of options has every option of MikroORM, and no other', () => {
    const names = [
      ...declaredIn('export interface ConnectionOptions {', '}', 4),
      ...declaredIn('export interface Options<', '}', 4),
    ];
    expect(names.length).toBeGreaterThan(80);
    expect(Object.keys(ormOptions).toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it('the list of options has every option of discovery, and no other', () => {
    const names = declaredIn('export interface MetadataDiscoveryOptions {', '}', 4);
    expect(Object.keys(discoveryOptions).toSorted()).toEqual(names.toSorted());
  });

  it('the list of options has every option of the schema generator, and no other', () => {
    const names = declaredIn('    schemaGenerator: {', '    };', 8);
    expect(Object.keys(schemaGeneratorOptions).toSorted()).toEqual(names.toSorted());
  });
});

async function optionsWith(options: object): Promise<Options> {
  return schemaOptions('sqlite::memory:', { ...model, options: options as Options });
}

async function startWith(options: object, replaced: object = {}): Promise<MikroORM> {
  return new MikroORM({ ...(await optionsWith(options)), ...replaced } as never);
}

/** A class of MikroORM's, but none for SQL. */
class NotForSql extends EntityManager {}

/** An application's own class without the counters. */
class Replacing extends SqlEntityManager {}

describe('an option that would make counts wrong', () => {
  const variable = 'MIKRO_ORM_SCHEMA_GENERATOR_IGNORE_TRIGGERS';
  afterEach(() => {
    delete process.env[variable];
  });

  const refused: [name: string, problem: RegExp, start: () => Promise<unknown>][] = [
    [
      'no transactions',
      /option disableTransactions, no transaction.*Leave it out/,
      () => startWith({ disableTransactions: true }),
    ],
    [
      'a schema generator that drops triggers',
      /option schemaGenerator\.ignoreTriggers, a schema update would drop/,
      () => {
        process.env[variable] = 'false';
        return startWith({ preferEnvVars: true });
      },
    ],
    [
      'counters that are declared in two calls',
      /option subscribers, counters are declared in two calls/,
      async () => new MikroORM(withCounters(await optionsWith({}), model.counters) as never),
    ],
    [
      'subscribers that replace those of withCounters()',
      /option subscribers lacks/,
      () => startWith({}, { subscribers: [] }),
    ],
    [
      'an entity manager that replaces the one of withCounters()',
      /option entityManager is Replacing.*Give it to withCounters/,
      () => startWith({}, { entityManager: Replacing }),
    ],
    ['no entity manager', /option entityManager is missing/, () => startWith({}, { entityManager: undefined })],
    [
      'an entity manager that is not for SQL',
      /option entityManager names NotForSql.*SqlEntityManager/,
      () => startWith({ entityManager: NotForSql }),
    ],
  ];

  it.each(refused)('an ORM with %s fails with COUNTER_DECLARATION', async (_name, message, start) => {
    let thrown: unknown;
    try {
      await start();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'COUNTER_DECLARATION', message: expect.stringMatching(message) });
  });
});

/** A target whose count has two properties, or one with a column of its own. */
@Entity({ tableName: 'reader' })
class Reader {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 0 })
  readonly loanCount: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly openCount: Opt<number> = 0;

  @Property({ type: 'integer', fieldName: 'open_count' })
  opened?: number;

  @OneToMany(() => Loan, loan => loan.reader)
  loans = new Collection<Loan>(this);
}

/** A counted row whose columns have two properties each. */
@Entity({ tableName: 'loan' })
class Loan {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Reader, { ref: true, deleteRule: 'restrict' })
  reader!: Ref<Reader>;

  @ManyToOne(() => Reader, { ref: true, deleteRule: 'restrict' })
  host!: Ref<Reader>;

  @Property({ type: 'integer', fieldName: 'reader_id' })
  readerKey!: number;

  @Property({ type: 'boolean' })
  open!: boolean;

  @Property({ type: 'integer', fieldName: 'open' })
  state!: number;
}

describe('a column with two properties', () => {
  const start = (...counters: ReturnType<typeof defineCounter>[]): Promise<MikroORM> =>
    startWith({}, {}).then(
      async () =>
        new MikroORM(
          (await schemaOptions('sqlite::memory:', {
            entities: [Reader, Loan],
            counters,
            options: { discovery: { checkDuplicateFieldNames: false } },
          })) as never,
        ),
    );

  it('a stored count that another property writes fails with COUNTER_DECLARATION', async () => {
    await expect(start(defineCounter({ counted: Loan, by: 'host', into: 'openCount' }))).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringContaining('"opened" has the column of "openCount" too'),
    });
  });

  it.each([
    ['a foreign key', defineCounter({ counted: Loan, by: 'reader', into: 'loanCount' })],
    ['a condition', defineCounter({ counted: Loan, by: 'host', into: 'loanCount', where: { open: true } })],
    ['no part of a counter', defineCounter({ counted: Loan, by: 'host', into: 'loanCount' })],
  ])('a column that is %s may have two properties', async (_name, counter) => {
    await expect(start(counter)).resolves.toBeDefined();
  });
});

/** An entity manager of an application's own. */
class OwnManager extends SqlEntityManager {
  readonly calls: string[] = [];

  shelves(): Promise<Shelf[]> {
    return this.find(Shelf, {});
  }

  override nativeDelete<Entity extends object>(
    ...parameters: Parameters<typeof SqlEntityManager.prototype.nativeDelete<Entity>>
  ): Promise<number> {
    this.calls.push('nativeDelete');
    return super.nativeDelete<Entity>(...parameters);
  }
}

describe("an application's own entity manager", () => {
  const schema = useSchema('sqlite', { ...model, options: { entityManager: OwnManager } as never });
  const own = (): OwnManager => schema.em() as OwnManager;

  it("an application's own entity manager stays what it is, and keeps the counters", async () => {
    expect(own()).toBeInstanceOf(OwnManager);
    const [shelf] = await addShelves(schema, 1);
    await addBook(schema, shelf!);
    expect((await own().shelves()).map(({ bookCount }) => bookCount)).toEqual([1]);
    await expectExactLibrary(schema);
  });

  it("an application's own entity manager is guarded under its own methods", async () => {
    const [shelf] = await addShelves(schema, 1);
    await addBook(schema, shelf!);
    const em = own();
    await expect(em.nativeDelete(Book, {})).rejects.toMatchObject({
      code: 'COUNTER_BYPASS',
      message: expect.stringMatching(/^em\.nativeDelete\(\) on Book/),
    });
    expect(em.calls).toEqual(['nativeDelete']);
    await expectExactLibrary(schema);
  });

  it("an application's own entity manager may extend the one of the counters", async () => {
    class Extending extends CountingEntityManager {}
    const orm = await startWith({ entityManager: Extending });
    expect(orm.em).toBeInstanceOf(Extending);
    await expect((orm.em.fork() as SqlEntityManager).nativeDelete(Book, {})).rejects.toMatchObject({
      code: 'COUNTER_BYPASS',
    });
  });
});

describe('an entity manager without transactions', () => {
  const schema = useSchema('sqlite', model);

  it('a fork without transactions counts in one for each flush', async () => {
    const [shelf] = await addShelves(schema, 1);
    const em = schema.database.em.fork({ disableTransactions: true });
    await em.transactional(async inner => {
      inner.create(Book, { title: 'One', shelf: shelf! });
      await inner.flush();
      inner.create(Book, { title: 'Two', shelf: shelf! });
    });
    await em.flush();
    await em.begin();
    em.create(Book, { title: 'Three', shelf: shelf! });
    await em.commit();
    expect(await shelfCount(schema, shelf!)).toBe(3);
    await expectExactLibrary(schema);
  });

  it('work that is to run without a transaction counts in one for each flush', async () => {
    const [shelf] = await addShelves(schema, 1);
    const propagation = TransactionPropagation.NOT_SUPPORTED;
    await schema.em().transactional(
      async inner => {
        inner.create(Book, { title: 'One', shelf: shelf! });
        await inner.flush();
        inner.create(Book, { title: 'Two', shelf: shelf! });
      },
      { propagation },
    );
    expect(await shelfCount(schema, shelf!)).toBe(2);
    await expectExactLibrary(schema);
  });

  it('a flush for which transactions are switched off later is refused', async () => {
    const [shelf] = await addShelves(schema, 1);
    schema.database.config.set('disableTransactions', true);
    try {
      await expect(addBook(schema, shelf!)).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
    } finally {
      schema.database.config.set('disableTransactions', false);
    }
    await expectExactLibrary(schema);
  });
});

describe('options of a call', () => {
  const schema = useSchema('sqlite', model);

  const transactions: [name: string, options: TransactionOptions][] = [
    ['flushes at its end only', { flushMode: FlushMode.COMMIT }],
    ['flushes before each query', { flushMode: FlushMode.ALWAYS }],
    ['begins with nothing loaded', { clear: true }],
    ['has no inner transactions', { ignoreNestedTransactions: true }],
    ['joins an open transaction', { propagation: TransactionPropagation.REQUIRED }],
    ['needs none', { propagation: TransactionPropagation.SUPPORTS }],
    ['refuses to be in one', { propagation: TransactionPropagation.NEVER }],
  ];

  it.each(transactions)('a transaction that %s counts', async (_name, options) => {
    const [shelf, other] = await addShelves(schema, 2);
    await schema.em().transactional(async em => {
      const book = em.create(Book, { title: 'One', shelf: shelf! });
      await em.find(Book, {});
      await em.transactional(inner => Promise.resolve(inner.create(Book, { title: 'Two', shelf: shelf! })));
      em.assign(book, { shelf: other! });
    }, options);
    expect([await shelfCount(schema, shelf!), await shelfCount(schema, other!)]).toEqual([1, 1]);
    await expectExactLibrary(schema);
  });

  const forks: [name: string, options: ForkOptions][] = [
    ['a context', { useContext: true }],
    ['what is loaded', { clear: false }],
    ['events of its own', { freshEventManager: true }],
    ['a copy of the events', { cloneEventManager: true }],
    ['no context', { disableContextResolution: true }],
    ['another mode of flushes', { flushMode: FlushMode.ALWAYS }],
  ];

  it.each(forks)('a fork with %s counts in a transaction and outside', async (_name, options) => {
    const [shelf] = await addShelves(schema, 1);
    const em = schema.em();
    await em.transactional(async inner => {
      const fork = inner.fork({ ...options, keepTransactionContext: true });
      fork.create(Book, { title: 'One', shelf: shelf! });
      await fork.flush();
    });
    const outside = em.fork(options);
    outside.create(Book, { title: 'Two', shelf: shelf! });
    await outside.flush();
    expect(await shelfCount(schema, shelf!)).toBe(2);
    await expectExactLibrary(schema);
  });
});

/** A subscriber that adds a row to a flush after the counters have looked at it. */
class Adding implements EventSubscriber {
  add: (() => object) | undefined;

  onFlush({ uow }: FlushEventArgs): Promise<void> {
    if (this.add) uow.computeChangeSet(this.add());
    this.add = undefined;
    return Promise.resolve();
  }
}

describe('a flush without a transaction', () => {
  const schema = useSchema('sqlite', { ...model, options: { implicitTransactions: false } });

  it('a flush without a transaction is refused where a later subscriber adds a counted row to nothing', async () => {
    const em = schema.database.em.fork();
    const adding = new Adding();
    em.getEventManager().registerSubscriber(adding);
    const shelf = await em.transactional(inner => Promise.resolve(inner.create(Shelf, { name: 'A' })));
    adding.add = () => em.create(Book, { title: 'Added', shelf }, { persist: true });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    await expectExactLibrary(schema);
    expect(await schema.rows('select * from book')).toEqual([]);
  });
});

/** An entity that is discovered late, on the table of a counted one. */
@Entity({ tableName: 'book' })
class LateBook {
  @PrimaryKey({ type: 'integer' })
  id!: number;
}

/** An entity that is discovered late, on a table of its own. */
@Entity({ tableName: 'late' })
class Late {
  @PrimaryKey({ type: 'integer' })
  id!: number;
}

describe('an entity that is discovered after the start', () => {
  const schema = useSchema('sqlite', { ...model, options: { discovery: { checkDuplicateTableNames: false } } });

  it('an entity that is discovered after the start is examined as the others were', async () => {
    const orm = schema.database as unknown as MikroORM;
    const em = schema.em();
    orm.discoverEntity(Late);
    const shelf = em.create(Shelf, { name: 'A shelf' });
    em.create(Book, { title: 'A book', shelf });
    await em.flush();
    await expectExactLibrary(schema);
    expect(() => orm.discoverEntity(LateBook)).toThrow(/LateBook has the table book too/);
    em.create(Book, { title: 'Another', shelf });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_DECLARATION' });
  });
});
