// Runs in a process of its own: a server of a release, which writes until it is told to stop, or a migration, which may be
// killed.
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MikroORM, SchemaGenerator, type SqlEntityManager } from '@mikro-orm/sql';
import {
  counterMigration,
  deleteWhere,
  insertMany,
  isConflict,
  retryTransaction,
  updateWhere,
  withCounters,
} from 'mikro-orm-counters';
import { ormOptions } from '../../../dist/database/orm-options.js';
import { addedCounters, modelOf, type Release } from './releases.ts';

/** A message to the process: to open a database as a release; so many writes; to migrate; to go on with that; to close. */
export type Order =
  | { kind: 'open'; url: string; release: Release; seed: number }
  | { kind: 'write'; writes: number }
  | { kind: 'migrate' }
  | { kind: 'go' }
  | { kind: 'close' };

/** A message from the process: one more write; that some rows were counted, after which it waits; the end of an order. */
export type Report = { kind: 'written' } | { kind: 'filled' } | { kind: 'done' } | { kind: 'failed'; error: string };

/** The rows of the tables that are written to: 1 to so many. */
export const ROWS = { boards: 12, authors: 5 };

const say = (report: Report): void => void process.send?.(report);
let model: ReturnType<typeof modelOf>;
let orm: Orm;
let below: (limit: number) => number;
let goOn: () => void = () => undefined;

process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => {
  obey(order).then(
    () => order.kind !== 'go' && say({ kind: 'done' }),
    (error: Error) => say({ kind: 'failed', error: String(error.stack) }),
  );
});

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'open':
      below = numbersFrom(order.seed);
      orm = await open(order.url, order.release);
      return;
    case 'write':
      for (let written = 0; written < order.writes; written += 1) await write(orm.em);
      return;
    case 'migrate':
      await counterMigration(orm.em, addedCounters).run({
        batchSize: 2,
        onProgress: () =>
          new Promise<void>(resolve => {
            goOn = resolve;
            say({ kind: 'filled' });
          }),
      });
      return;
    case 'go':
      return goOn();
    case 'close':
      await orm.close(true);
  }
}

/** Returns a function that gives whole numbers below a limit, the same for the same seed. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed;
  return limit => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

type Orm = { readonly em: SqlEntityManager; close: (force: boolean) => Promise<void> };
async function open(url: string, release: Release): Promise<Orm> {
  model = modelOf(release);
  const base = url.startsWith('postgresql:')
    ? { driver: PostgreSqlDriver, clientUrl: url, extensions: [SchemaGenerator], logger: () => undefined }
    : { ...(await ormOptions(url, 'hooks')), subscribers: [] };
  const options = withCounters({ ...base, entities: model.entities } as object, model.counters, 'hooks');
  return await MikroORM.init(options as never);
}

/** Writes some rows in one of many ways, in a transaction that is run again after a conflict. */
async function write(em: SqlEntityManager): Promise<void> {
  const { Note } = model;
  const values = () => ({
    board: 1 + below(ROWS.boards),
    author: below(4) === 0 ? null : 1 + below(ROWS.authors),
    pinned: below(2) === 0,
    points: below(7) - 3,
  });
  const some = async (own: SqlEntityManager) =>
    own.find(Note, { board: 1 + below(ROWS.boards) }, { limit: 1 + below(3) });
  const changes: ((own: SqlEntityManager) => Promise<unknown>)[] = [
    async own => own.create(Note, values() as never),
    async own => (await some(own)).forEach(note => (note.pinned = !note.pinned)),
    async own => (await some(own)).forEach(note => own.assign(note, values() as never)),
    async own => (await some(own)).forEach(note => own.remove(note)),
    async own => insertMany(own, Note, [values(), values(), values()] as never),
    async own => updateWhere(own, Note, { board: 1 + below(ROWS.boards), pinned: true }, { pinned: false }),
    async own => deleteWhere(own, Note, { board: 1 + below(ROWS.boards), author: 1 + below(ROWS.authors) }),
  ];
  await retryTransaction(em, changes[below(changes.length)]!).catch((error: unknown) => {
    // The machine may be busy for longer than a transaction is run again.
    if (!isConflict(em, error)) throw error;
  });
  say({ kind: 'written' });
}
