import { DeadlockException, IsolationLevel, LockWaitTimeoutException } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { CounterError, isConflict, retryTransaction, type TransactionRetry } from 'mikro-orm-counters';
import { describeOnEngineDatabases, engineServerKinds } from '../support/databases.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { useSchema } from '../support/schema.js';
import { addBook, addShelves, Book, expectExactLibrary, library, shelfCount } from './models/library.js';

const conflict = (): CounterError => new CounterError('COUNTER_CONFLICT', 'The row has moved.');

describeOnEngineDatabases('a transaction that is run again', kind => {
  const schema = useSchema(kind, library);

  it('a transaction is run again after a conflict, with a new entity manager, and nothing of the first try is left', async () => {
    const [shelf] = await addShelves(schema, 1);
    const retries: TransactionRetry[] = [];
    const managers = new Set<object>();
    const result = await retryTransaction(
      schema.em(),
      async (em, attempt) => {
        managers.add(em);
        em.create(Book, { title: `Try ${attempt}`, shelf: shelf! });
        await em.flush();
        if (attempt < 3) throw conflict();
        return attempt;
      },
      { onRetry: retry => retries.push(retry) },
    );
    expect([result, managers.size]).toEqual([3, 3]);
    expect(retries.map(({ attempt, error }) => [attempt, (error as CounterError).code])).toEqual([
      [1, 'COUNTER_CONFLICT'],
      [2, 'COUNTER_CONFLICT'],
    ]);
    expect(await schema.rows('select title from book')).toEqual([{ title: 'Try 3' }]);
    await expectExactLibrary(schema);
  });

  it('a transaction that is run again knows nothing of the entities of the manager that it was given', async () => {
    const [shelf] = await addShelves(schema, 1);
    const book = await addBook(schema, shelf!);
    const em = schema.em();
    const outside = await em.findOneOrFail(Book, book);
    outside.title = 'Not flushed';
    const title = await retryTransaction(em, async inner => (await inner.findOneOrFail(Book, book)).title);
    expect(title).toBe('A book');
    expect(await schema.rows('select title from book')).toEqual([{ title: 'A book' }]);
  });

  it('an error that is no conflict ends a transaction at once', async () => {
    let tries = 0;
    const work = retryTransaction(schema.em(), () => {
      tries += 1;
      throw new Error('mine');
    });
    await expect(work).rejects.toThrow('mine');
    expect(tries).toBe(1);
  });

  it('the last conflict is thrown once the time is over', async () => {
    let tries = 0;
    const work = retryTransaction(
      schema.em(),
      () => {
        tries += 1;
        throw conflict();
      },
      { maxMilliseconds: 0 },
    );
    await expect(work).rejects.toMatchObject({ code: 'COUNTER_CONFLICT' });
    expect(tries).toBe(1);
    await expect(retryTransaction(schema.em(), () => Promise.resolve(1), { maxMilliseconds: NaN })).rejects.toThrow(
      'The time NaN',
    );
  });

  it('a signal ends the pauses with its reason', async () => {
    const ended = new AbortController();
    const work = retryTransaction(schema.em(), () => Promise.reject(conflict()), {
      signal: ended.signal,
      onRetry: () => ended.abort(new Error('Enough.')),
    });
    await expect(work).rejects.toThrow('Enough.');
  });

  it('a transaction inside another one is rejected with COUNTER_TRANSACTION', async () => {
    const inside = schema.em().transactional(em => retryTransaction(em, () => Promise.resolve()));
    await expect(inside).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
  });

  it('conflicts are the deadlocks and lock waits that MikroORM knows, and COUNTER_CONFLICT', () => {
    const em = schema.em();
    const error = new Error('No.');
    const found = [new DeadlockException(error), new LockWaitTimeoutException(error), conflict()];
    expect(found.map(one => isConflict(em, one))).toEqual([true, true, true]);
    const others = [error, new CounterError('COUNTER_BYPASS', 'No.'), 'a text', undefined];
    expect(others.map(one => isConflict(em, one))).toEqual([false, false, false, false]);
  });
});

describeOnEngineDatabases(
  'a transaction that is run again after an error of the server',
  kind => {
    const schema = useSchema(kind, library);

    it('two transactions that wait for each other both succeed', async () => {
      const [first, second] = await addShelves(schema, 2);
      const add = async (em: ReturnType<typeof schema.em>, shelf: number): Promise<void> => {
        em.create(Book, { title: 'Crosswise', shelf });
        await em.flush();
      };
      const retries: TransactionRetry[] = [];
      let other: Promise<void> | undefined;
      await retryTransaction(
        schema.em(),
        async (em, attempt) => {
          await add(em, second!);
          other ??= retryTransaction(
            schema.em(),
            async inner => {
              await add(inner, first!);
              await add(inner, second!);
            },
            { onRetry: retry => retries.push(retry) },
          );
          // In the next try, the other one may be over.
          if (attempt === 1) await untilLockWaits(schema.database);
          await add(em, first!);
        },
        { onRetry: retry => retries.push(retry) },
      );
      await other;
      expect(retries.length).toBeGreaterThan(0);
      expect(retries[0]!.error).toBeInstanceOf(DeadlockException);
      await expectExactLibrary(schema);
      expect(await shelfCount(schema, first!)).toBe(2);
    });

    it('a row that another transaction has moved meanwhile is moved by the next try', async () => {
      const [first, second, third] = await addShelves(schema, 3);
      const book = await addBook(schema, first!);
      const move = async (em: ReturnType<typeof schema.em>, to: number, meanwhile?: () => Promise<void>) => {
        const found = await em.findOneOrFail(Book, book);
        await meanwhile?.();
        em.assign(found, { shelf: to });
        await em.flush();
      };
      const retries: TransactionRetry[] = [];
      await retryTransaction(
        schema.em(),
        (em, attempt) => move(em, third!, attempt === 1 ? () => move(schema.em(), second!) : undefined),
        { onRetry: retry => retries.push(retry) },
      );
      expect(retries.map(({ error }) => (error as CounterError).code)).toEqual(['COUNTER_CONFLICT']);
      expect(await schema.rows('select shelf_id from book')).toEqual([{ shelf_id: third }]);
      await expectExactLibrary(schema);
    });

    it('a transaction whose snapshot another one has overtaken is run again where the server says so', async () => {
      const [shelf] = await addShelves(schema, 1);
      const retries: TransactionRetry[] = [];
      await retryTransaction(
        schema.em(),
        async (em, attempt) => {
          if (kind === 'mariadb') await em.execute('set session innodb_snapshot_isolation = on');
          await em.execute('select count(*) from shelf');
          if (attempt === 1) await addBook(schema, shelf!);
          em.create(Book, { title: 'Late', shelf: shelf! });
          await em.flush();
        },
        { isolationLevel: IsolationLevel.REPEATABLE_READ, onRetry: retry => retries.push(retry) },
      );
      // MySQL has no such error: there a writer sees what is committed.
      const codes = retries.map(
        ({ error }) => (error as { errno?: number }).errno ?? (error as { code?: string }).code,
      );
      expect(codes).toEqual(kind === 'mysql' ? [] : [kind === 'mariadb' ? 1020 : '40001']);
      expect(await shelfCount(schema, shelf!)).toBe(2);
      await expectExactLibrary(schema);
    });
  },
  engineServerKinds,
);
