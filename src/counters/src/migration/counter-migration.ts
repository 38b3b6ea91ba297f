import { DatabaseSchema, type SqlEntityManager } from '@mikro-orm/sql';
import { hasTypeTables } from '../declarations/rows-of-types.js';
import { CounterError } from '../errors.js';
import type { RolloutKind } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { quoted, tableName } from '../sql/fragments.js';
import { rollouts, rolloutStatements, type CounterRollout } from '../triggers/rollout-triggers.js';
import { changeTables, changeTriggers } from '../triggers/triggers.js';
import { recountAll, type RecountAllOptions, type RecountReport } from '../verify/recount-all.js';

/** How the rows of new counters are counted: as recountAll() does it. */
export type FillOptions = Pick<
  RecountAllOptions,
  'batchSize' | 'pace' | 'pauseMs' | 'onProgress' | 'maxChanges' | 'signal'
>;

/** How far a declared counter is in the database. */
export interface CounterState {
  /** The counter's name: `Post.commentCount`. */
  readonly counter: string;
  /**
   * `absent`: it has no column; `incomplete`: some triggers of its rollout are missing, or differ; `filling`: it has all of
   * them, and not all of its rows are counted; `rolling`: they are; `leaving`: it is being removed; `live`: it has a column
   * and no triggers for a rollout.
   */
  readonly state: 'absent' | 'incomplete' | RolloutKind | 'live';
  /** The names of its triggers for a rollout. */
  readonly triggers: readonly string[];
}

/** Returns how far each declared counter is in the database. It does not verify them. */
export async function counterStates(em: SqlEntityManager): Promise<CounterState[]> {
  const states: CounterState[] = [];
  for (const rollout of await rollouts(em)) {
    const { counter, state, triggers } = rollout;
    const there = await hasColumn(em, rollout);
    states.push({ counter: counter.name, state: there ? (state ?? 'live') : 'absent', triggers });
  }
  return states;
}

/**
 * Returns the migration of some declared counters, by their names, for a database that is being written. Errors:
 * COUNTER_DECLARATION for a name that is none of theirs, and for a column that several counters share.
 *
 * @example
 *   await counterMigration(em, 'Post.approvedCount').run();
 */
export function counterMigration(em: SqlEntityManager, counters: string | readonly string[]): CounterMigration {
  return new CounterMigration(em, typeof counters === 'string' ? [counters] : counters);
}

/**
 * Adds counters to a live database, or removes them from it, while processes write that do not know them.
 *
 * From the moment at which a counter has its triggers, no write of any program is lost to it: they count what the hooks
 * of the writing session do not. A row's count becomes exact when it is counted under its lock, and stays so. All steps
 * can be interrupted at any point and run again.
 */
export class CounterMigration {
  constructor(
    private readonly em: SqlEntityManager,
    readonly counters: readonly string[],
  ) {}

  /**
   * Returns the statements that the database lacks to have the columns and their triggers, for addSql() of a migration or
   * to be printed. run() has to follow, outside of the migration's transaction.
   */
  async up(): Promise<string[]> {
    const chosen = await this.#chosen();
    const unfinished = chosen.filter(({ state }) => state !== 'rolling');
    return [...(await this.#missingColumns(chosen)), ...(await rolloutStatements(this.em, unfinished, 'filling'))];
  }

  /** Returns the statements that remove the columns and all of their triggers. */
  async down(): Promise<string[]> {
    const chosen = await this.#chosen();
    return [...(await rolloutStatements(this.em, chosen, null, true)), ...(await this.#columnDrops(chosen))];
  }

  /**
   * Adds what up() returns, and then counts all rows beside the writers, each under its own lock in a transaction of its
   * own. Returns what it has changed. From then on the counts are exact, and servers of both releases may write.
   *
   * Errors: COUNTER_TRANSACTION inside a transaction; COUNTER_STRATEGY where triggers cannot keep these counters;
   * COUNTER_DECLARATION for a foreign key by whose rules triggers would count wrongly; those of recountAll().
   */
  async run(options: FillOptions = {}): Promise<RecountReport> {
    this.#refuseTransaction('run');
    for (const statement of await this.#missingColumns(await this.#chosen())) await this.#execute(statement);
    await this.#become('filling', ({ state }) => state !== 'rolling');
    const report = await recountAll(this.em, { ...options, only: this.counters });
    await this.#become('rolling');
    return report;
  }

  /**
   * Removes the triggers, once the last server has ended that does not know the counters, and verifies them. Errors:
   * COUNTER_STRATEGY for counters that are not filled; those of run().
   */
  async finish(options: FillOptions = {}): Promise<RecountReport> {
    this.#refuseTransaction('finish');
    for (const { counter, state } of await this.#states())
      if (state !== 'rolling' && state !== 'live')
        throw new CounterError(
          'COUNTER_STRATEGY',
          `${counter} is ${state}, so its triggers are still needed. Run counterMigration(em, '${counter}').run() to its end first.`,
        );
    await this.#become(null);
    return recountAll(this.em, { ...options, only: this.counters });
  }

  /**
   * Gives counters that are to be removed triggers that count for servers of the next release, which no longer declares
   * them. Errors: those of run().
   */
  async leave(): Promise<void> {
    this.#refuseTransaction('leave');
    await this.#become('leaving');
  }

  /** Does what down() returns. Errors: COUNTER_TRANSACTION inside a transaction. */
  async undo(): Promise<void> {
    this.#refuseTransaction('undo');
    const chosen = await this.#chosen();
    await changeTriggers(this.em, await rolloutStatements(this.em, chosen, null, true));
    for (const statement of await this.#columnDrops(chosen)) await this.#execute(statement);
  }

  async #chosen(): Promise<CounterRollout[]> {
    const all = await rollouts(this.em);
    const unknown = this.counters.find(name => !all.some(({ counter }) => counter.name === name));
    if (unknown !== undefined || this.counters.length === 0)
      throw new CounterError(
        'COUNTER_DECLARATION',
        `There is no counter "${unknown ?? ''}". Give one of ${all.map(({ counter }) => counter.name).join(', ')}.`,
      );
    const chosen = all.filter(({ counter }) => this.counters.includes(counter.name));
    // A session that says that it keeps the column may be of a release that knows one of its counters alone.
    const shared = chosen.find(({ counter }, index) =>
      chosen.slice(0, index).some(one => one.counter.name === counter.name),
    );
    if (shared)
      throw new CounterError(
        'COUNTER_DECLARATION',
        `${shared.counter.name} stores the rows of several counters, which servers of two releases may not know alike. Stop the servers to add it, and recount; or give each counter a column of its own.`,
      );
    return chosen;
  }

  async #states(): Promise<CounterState[]> {
    await this.#chosen();
    return (await counterStates(this.em)).filter(({ counter }) => this.counters.includes(counter));
  }

  /** Gives the counters, or some of them, the triggers for a rollout, all at one moment; null: none. */
  async #become(kind: RolloutKind | null, which: (rollout: CounterRollout) => boolean = () => true): Promise<void> {
    const chosen = (await this.#chosen()).filter(which);
    await changeTriggers(this.em, await rolloutStatements(this.em, chosen, kind));
  }

  async #missingColumns(chosen: readonly CounterRollout[]): Promise<string[]> {
    const statements: string[] = [];
    for (const rollout of chosen)
      if (!(await hasColumn(this.em, rollout)))
        statements.push(`alter table ${targetTable(this.em, rollout)} add ${columnSql(this.em, rollout)}`);
    return statements;
  }

  async #columnDrops(chosen: readonly CounterRollout[]): Promise<string[]> {
    const statements: string[] = [];
    for (const rollout of chosen)
      if (await hasColumn(this.em, rollout))
        statements.push(
          `alter table ${targetTable(this.em, rollout)} drop column ${quoted(this.em, rollout.counter.column)}`,
        );
    return statements;
  }

  async #execute(statement: string): Promise<void> {
    await changeTables(this.em, () => this.em.getConnection('write').execute(statement, [], 'run'));
  }

  #refuseTransaction(method: string): void {
    if (!this.em.isInTransaction()) return;
    throw new CounterError(
      'COUNTER_TRANSACTION',
      `counterMigration().${method}() was called inside a transaction, which would keep rows and tables locked until its end. In a migration, give the statements of up() or down() to addSql(), and call ${method}() afterwards.`,
    );
  }
}

async function hasColumn(em: SqlEntityManager, { group, counter }: CounterRollout): Promise<boolean> {
  const sql = dialectOf(em).columnSql(em, group.targetSchema, group.target.tableName, counter.column);
  return (await em.getDriver().execute<object[]>(sql, [], 'all', em.getTransactionContext())).length > 0;
}

function targetTable(em: SqlEntityManager, { group }: CounterRollout): string {
  return tableName(em, group.target, group.targetSchema);
}

/** Returns the definition of a counter's column, as MikroORM's schema generator has it. */
function columnSql(em: SqlEntityManager, { group: { target }, counter }: CounterRollout): string {
  const platform = em.getPlatform();
  const schema = DatabaseSchema.fromMetadata(
    [hasTypeTables(target) ? target : target.root],
    platform,
    em.config,
    undefined,
    em,
  );
  const table = schema.getTables().find(({ name }) => name === target.tableName)!;
  return platform.getSchemaHelper()!.createTableColumn(table.getColumn(counter.column)!, table)!;
}
