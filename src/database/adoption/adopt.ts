import { isDeepStrictEqual } from 'node:util';
import { Migrator } from '@mikro-orm/migrations';
import { besideOthers, MAX_CONFLICT_SECONDS } from '../../migrations/beside-others.js';
import { MigrationRefused } from '../../migrations/migration-refused.js';
import { withoutReferencesWithin } from '../../migrations/own-tables.js';
import { quotedName } from '../../migrations/sql-names.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import type { FoundTables } from '../schema/found-table.js';
import { faultOf } from '../faults/fault-of.js';
import { findTables } from '../schema/found-tables.js';
import { findSchema } from '../schema/own-schema.js';
import { JournalWriter, readJournal, type Addition, type JournalEntry } from './journal.js';
import { procedureRemovals } from './own-procedures.js';
import { heldName, planAdoption, type AdoptionPlan } from './plan.js';

/** Work on one addition: its making, or its removal. */
interface AdoptionStep {
  readonly addition: Addition;
  /** The number of the step, from 1, and of all steps. */
  readonly number: number;
  readonly of: number;
}

/** Called before and after each step. */
export type OnStep = (step: AdoptionStep, phase: 'begins' | 'ends') => void;

/**
 * Adds to another application's database what it needs: as planned, while no other process does the same. The journal
 * says before and after each step what was done, so that an interrupted adoption goes on where it stopped. Errors:
 * MigrationRefused.
 */
export async function adopt(
  database: Database,
  planned: Pick<AdoptionPlan, 'map'>,
  onStep: OnStep = () => undefined,
): Promise<number> {
  return dialectOf(database).schema.exclusively(database, async () => {
    const plan = await planAdoption(database, planned.map);
    if (plan.refusals.length > 0) throw new MigrationRefused(plan.refusals.join(' '));
    const journal = new JournalWriter(database);
    const pending = (plan.journal?.entries ?? []).filter(({ isDone }) => !isDone);
    const isOther = plan.journal !== null && !isDeepStrictEqual(plan.journal.map, plan.map);
    if (pending.length + plan.additions.length === 0 && !isOther) return 0;
    await journal.begin(plan.map);
    let number = Math.max(0, ...(plan.journal?.entries ?? []).map(entry => entry.number));
    const entries: { readonly number: number; readonly addition: Addition }[] = [
      ...pending.map(entry => ({ number: entry.number, addition: entry })),
      ...plan.additions.map(addition => ({ number: ++number, addition })),
    ];
    const known = new Set(pending.map(entry => entry.number));
    const added = entries.filter(entry => !known.has(entry.number));
    if (isOther) await journal.change(plan.map, added);
    else for (const entry of added) await journal.plan(entry.number, entry.addition);
    // Only what was planned before can be there already.
    const found = pending.length > 0 ? await State.of(database) : null;
    for (const [index, { number: one, addition }] of entries.entries()) {
      const step = { addition, number: index + 1, of: entries.length };
      onStep(step, 'begins');
      if (!(found !== null && known.has(one) && found.has(addition, 'whole'))) await make(database, addition, found);
      // An undo takes away what the entries of the columns and indexes say.
      if (addition.kind === 'changes') await journal.remove(one);
      else await journal.done(one);
      onStep(step, 'ends');
    }
    return entries.length;
  });
}

/** Something that an undo takes away: what the journal has, or what somebody has added with a script of ours. */
export type Removal = Addition | JournalEntry;

/** Returns what an undo takes away, in the order in which it does. Changes nothing. */
export async function planAdoptionUndo(database: Database): Promise<Removal[]> {
  const journal = await readJournal(database.em.fork());
  return journal === null ? [] : [...(await procedureRemovals(database)), ...journal.entries.toReversed()];
}

/**
 * Takes away all that was added, in the reverse order, and the journal at the end; an interrupted undo goes on where it
 * stopped. Returns the number of steps. Errors: MigrationRefused.
 */
export async function undoAdoption(database: Database, onStep: OnStep = () => undefined): Promise<number> {
  return dialectOf(database).schema.exclusively(database, async () => {
    const entries = await planAdoptionUndo(database);
    if (entries.some(({ kind }) => kind === 'changes'))
      throw new MigrationRefused(
        'A change of the map was interrupted. Nothing was taken away; continue it first with "rollcall adopt --yes".',
      );
    const journal = new JournalWriter(database);
    const found = await State.of(database);
    const { catalog } = dialectOf(database).schema;
    for (const [index, entry] of entries.entries()) {
      const step = { addition: entry, number: index + 1, of: entries.length };
      onStep(step, 'begins');
      if (entry.kind === 'indexes') await dropTogether(database, entries, index, found);
      else if (entry.kind === 'kept indexes') await restoreNames(database, entry, found);
      else if (found.has(entry, 'part') || entry.kind === 'baseline' || entry.kind === 'procedure') {
        if (entry.kind === 'tables')
          for (const sql of await withoutReferencesWithin(catalog, database.em.fork(), entry.names))
            await run(database, sql);
        for (const sql of entry.reverse) await run(database, sql);
      }
      if ('number' in entry) await journal.remove(entry.number);
      onStep(step, 'ends');
    }
    if ((await readJournal(database.em.fork())) !== null) await journal.end();
    return entries.length;
  });
}

/**
 * Drops the indexes of an entry and of those after it that are of the same table, so that others wait once; nothing where
 * the entry before has done it.
 */
async function dropTogether(
  database: Database,
  entries: readonly Removal[],
  from: number,
  found: State,
): Promise<void> {
  const isAlike = (one: Removal | undefined): boolean =>
    one?.kind === 'indexes' && one.object === entries[from]!.object;
  if (isAlike(entries[from - 1])) return;
  const end = entries.findIndex((one, place) => place > from && !isAlike(one));
  const alike = entries.slice(from, end === -1 ? undefined : end);
  const names = alike.filter(one => found.has(one, 'part')).flatMap(one => one.names);
  if (names.length === 0) return;
  const { adoption } = dialectOf(database);
  const quoted = (name: string): string => quotedName(database.em, name);
  for (const sql of adoption.dropIndexes(entries[from]!.object, names, quoted)) await run(database, sql);
}

async function make(database: Database, addition: Addition, found: State | null): Promise<void> {
  switch (addition.kind) {
    case 'baseline':
      return record(database, addition);
    case 'kept indexes': {
      const [hold, restore] = addition.statements;
      // An interrupted step may have done the first half.
      if (!found?.isHeld(addition)) await run(database, hold!);
      return run(database, restore!);
    }
    case 'changes':
      return makeChanges(database, addition);
    case 'indexes':
      return beside(database, () => makeIndexes(database, addition));
    case 'tables':
      if (dialectOf(database).schema.isTransactional) {
        return beside(database, () =>
          database.em.fork().transactional(async em => {
            for (const sql of addition.statements) await em.execute(sql, [], 'run');
          }),
        );
      }
      break;
    default:
  }
  for (const sql of addition.statements) await run(database, sql);
}

/** Makes indexes; what an interrupted or ended statement has left of them has their names. */
async function makeIndexes(database: Database, { names, statements, reverse }: Addition): Promise<void> {
  const { adoption } = dialectOf(database);
  const isBroken = (await adoption.brokenIndexes(database.em)).includes(names[0]!);
  for (const sql of [...(isBroken ? reverse : []), ...statements]) await adoption.run(database.em, sql);
}

/** Runs a statement, which is done as a whole or not at all. Errors: MigrationRefused. */
function run(database: Database, sql: string): Promise<void> {
  return beside(database, () => dialectOf(database).adoption.run(database.em, sql));
}

/** Runs work while others use the tables. Errors: MigrationRefused. */
async function beside(database: Database, work: () => Promise<void>): Promise<void> {
  try {
    await besideOthers(work, isConflict);
  } catch (error) {
    if (!isConflict(error)) throw error;
    throw new MigrationRefused(
      `Others have used the tables for ${MAX_CONFLICT_SECONDS} seconds. What was done before stays as it is. ${dialectOf(database).adoption.endOthers}, then run the same command again.`,
      { cause: error },
    );
  }
}

/** Returns true for the error of a statement that the database gave up because of what others do with the tables. */
function isConflict(error: unknown): boolean {
  const kind = faultOf(error)?.kind;
  return kind === 'deadlock' || kind === 'lock_wait';
}

/** Removes columns and indexes as far as they are there, and adds them anew; it can be done twice. */
async function makeChanges(database: Database, { object, names, statements }: Addition): Promise<void> {
  const { columns, indexes } = (await findTables(database)).get(object)!;
  for (const [index, name] of names.entries())
    if (columns.has(name) || indexes.some(one => one.name === name)) await run(database, statements[index]!);
  for (const sql of statements.slice(names.length)) await run(database, sql);
}

async function restoreNames(database: Database, addition: Addition, found: State): Promise<void> {
  if (found.isHeld(addition)) await run(database, addition.statements[1]!);
}

/** Records migrations as applied. */
async function record(database: Database, { names, statements }: Addition): Promise<void> {
  // The ORM's own migrator remembers that the table was there.
  const migrator = new Migrator(database.em.fork());
  const schema = await dialectOf(database).adoption.schemaName(database.em.fork());
  if (schema !== undefined) migrator.getStorage().setRunSchema(schema);
  await migrator.getStorage().ensureTable();
  const { applied } = await findSchema(database);
  for (const [index, name] of names.entries()) if (!applied?.includes(name)) await run(database, statements[index]!);
}

/** What a database has, when a command that was interrupted before goes on. */
class State {
  private constructor(
    private readonly tables: FoundTables,
    private readonly unusable: ReadonlySet<string>,
    private readonly prepared: ReadonlySet<string>,
  ) {}

  static async of(database: Database): Promise<State> {
    const { adoption } = dialectOf(database);
    const em = database.em.fork();
    const prepared = new Set<string>();
    for (const { object, exists } of adoption.preparation) if (await exists(em)) prepared.add(object);
    return new State(await findTables(database), new Set(await adoption.brokenIndexes(database.em)), prepared);
  }

  /** Returns whether an addition is there, as a whole or a part of it; false for one that can be made twice. */
  has({ kind, object, names }: Addition, extent: 'whole' | 'part'): boolean {
    const table = this.tables.get(object);
    const are = (isThere: (name: string) => boolean): boolean =>
      extent === 'whole' ? names.every(isThere) : names.some(isThere);
    switch (kind) {
      case 'preparation':
        return this.prepared.has(object);
      case 'columns':
        return are(name => table?.columns.has(name) ?? false);
      case 'indexes':
        return are(
          name =>
            (extent === 'part' || !this.unusable.has(name)) &&
            (table?.indexes.some(index => index.name === name) ?? false),
        );
      case 'tables':
        return are(name => this.tables.has(name));
      default:
        return false;
    }
  }

  /** Returns whether indexes have the names that they have between two renames. */
  isHeld({ object }: Addition): boolean {
    return this.tables.get(object)?.indexes.some(({ name }) => name === heldName(0)) ?? false;
  }
}
