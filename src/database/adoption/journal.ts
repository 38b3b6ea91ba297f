import type { SqlEntityManager } from '@mikro-orm/sql';
import { mapForm, type DatabaseMap } from '../../map/map-form.js';
import { JOURNAL_TABLE } from '../../map/mapped-table.js';
import { dialectOf, type Database } from '../dialects/dialect.js';

/** The kinds of additions, in words that people see. */
type AdditionKind =
  | 'preparation'
  | 'columns'
  | 'default'
  | 'kept indexes'
  | 'indexes'
  | 'tables'
  | 'alterations'
  | 'baseline'
  | 'changes'
  | 'procedure';

/** Something that is added to another application's database, or was. */
export interface Addition {
  readonly kind: AdditionKind;
  /** The table, or what is made instead of one. */
  readonly object: string;
  /** The names of what is added: columns, indexes, tables or migrations. */
  readonly names: readonly string[];
  readonly statements: readonly string[];
  /** The statements that take it away again, in the order in which they run. */
  readonly reverse: readonly string[];
}

/** An addition as the journal has it. */
export interface JournalEntry extends Addition {
  readonly number: number;
  readonly isDone: boolean;
}

/** What the journal of an adopted database records. */
export interface Journal {
  readonly map: DatabaseMap;
  readonly entries: readonly JournalEntry[];
}

const INSERT = `insert into ${JOURNAL_TABLE} (number, state, kind, object, content, moment) values (?, ?, ?, ?, ?, ?)`;

/** The row that has the map. */
const MAP_NUMBER = 0;

/** Returns the journal of a database; null: it was not adopted, and no adoption of it was begun. */
export async function readJournal(em: SqlEntityManager): Promise<Journal | null> {
  const { catalog } = dialectOf(em).schema;
  if (!(await catalog.tableNames(em)).includes(JOURNAL_TABLE)) return null;
  const rows = await em.execute<{ number: number; state: string; content: string }[]>(
    `select number, state, content from ${JOURNAL_TABLE} order by number`,
  );
  const map = rows.find(({ number }) => number === MAP_NUMBER);
  // A process that was killed before it wrote the map has added nothing yet.
  if (!map) return null;
  return {
    map: mapForm.parse(JSON.parse(map.content)),
    entries: rows
      .filter(({ number }) => number !== MAP_NUMBER)
      .map(({ number, state, content }) => ({
        ...(JSON.parse(content) as Addition),
        number,
        isDone: state === 'done',
      })),
  };
}

/** The names that a journal has, by kind and object. */
export type PlannedNames = ReadonlySet<string>;

/** Returns the names of all that a journal has. */
export function plannedBy(journal: Journal | null): PlannedNames {
  return new Set(
    (journal?.entries ?? []).flatMap(({ kind, object, names }) => names.map(name => keyOf(kind, object, name))),
  );
}

/** Returns the name by which an addition is known. */
export function keyOf(kind: string, object: string, name: string): string {
  return [kind, object, name].join('\0');
}

/** The writing of a journal: each step before and after what it records. */
export class JournalWriter {
  readonly #em: SqlEntityManager;

  constructor(database: Database) {
    this.#em = database.em.fork();
  }

  /** Makes the table and records the map, unless that was done before. */
  async begin(map: DatabaseMap): Promise<void> {
    const { longText, tableOptions } = dialectOf(this.#em).adoption;
    await this.#run(
      `create table if not exists ${JOURNAL_TABLE} (number integer not null primary key, state varchar(20) not null, kind varchar(20) not null, object varchar(255) not null, content ${longText} not null, moment varchar(30) not null)${tableOptions}`,
    );
    if ((await readJournal(this.#em)) === null)
      await this.#run(INSERT, [MAP_NUMBER, 'done', 'map', '', JSON.stringify(map), now()]);
  }

  /** Records another map together with what it changes: both or neither. */
  async change(
    map: DatabaseMap,
    entries: readonly { readonly number: number; readonly addition: Addition }[],
  ): Promise<void> {
    await this.#em.transactional(async em => {
      for (const { number, addition } of entries) await em.execute(INSERT, plannedRow(number, addition), 'run');
      await em.execute(
        `update ${JOURNAL_TABLE} set content = ?, moment = ? where number = ${MAP_NUMBER}`,
        [JSON.stringify(map), now()],
        'run',
      );
    });
  }

  async plan(number: number, addition: Addition): Promise<void> {
    await this.#run(INSERT, plannedRow(number, addition));
  }

  async done(number: number): Promise<void> {
    await this.#run(`update ${JOURNAL_TABLE} set state = 'done', moment = ? where number = ?`, [now(), number]);
  }

  async remove(number: number): Promise<void> {
    await this.#run(`delete from ${JOURNAL_TABLE} where number = ?`, [number]);
  }

  async end(): Promise<void> {
    await this.#run(`drop table ${JOURNAL_TABLE}`);
  }

  async #run(sql: string, parameters: readonly unknown[] = []): Promise<void> {
    await this.#em.getConnection().execute(sql, [...parameters], 'run');
  }
}

/** Returns the values of the row for an addition that is yet to be made. */
function plannedRow(number: number, { kind, object, names, statements, reverse }: Addition): unknown[] {
  return [number, 'planned', kind, object, JSON.stringify({ kind, object, names, statements, reverse }), now()];
}

function now(): string {
  return new Date().toISOString();
}
