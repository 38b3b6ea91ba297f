/** The databases of the table, by the names that tests give them. */
const databases = ['sqlite', 'mysql', 'mariadb', 'postgresql'] as const;
const strategies = ['hooks', 'triggers'] as const;

type Database = (typeof databases)[number];
type Strategy = (typeof strategies)[number];

/** What the engine can do, or somebody else can. */
export interface Feature {
  readonly name: string;
  /** Tests of which one has to pass on each database with each strategy. */
  readonly proofs: readonly Proof[];
  /** The strategies of a database that does not have both. */
  readonly only?: Partial<Record<Database, readonly Strategy[]>>;
  /** The databases for which no test proves the feature. */
  readonly untested?: readonly Database[];
  /** What counter_culture, the counter caches of Rails, and MikroORM by itself have of it. */
  readonly others: readonly [counterCulture: string, rails: string, mikroOrm: string];
}

/** A promise of the table. */
export interface Cell {
  readonly database: Database;
  readonly strategy: Strategy;
}

/** A test, by its file in test/ and a part of its whole name. */
interface Proof {
  readonly file: string;
  readonly name: string;
  /** The strategy of a test that names it itself, and not by the project that runs it. */
  readonly strategy?: Strategy;
  /** The database of a test whose name does not say it. */
  readonly on?: Database;
}

const proof = (file: string, name: string, strategy?: Strategy): Proof => ({
  file: `${file}.test.ts`,
  name,
  ...(strategy && { strategy }),
});
const all = (some: readonly Strategy[]): Partial<Record<Database, readonly Strategy[]>> =>
  Object.fromEntries(databases.map(database => [database, some]));
const none = all([]);

/** What the engine counts and does, in the order of the table. */
export const features: readonly Feature[] = [
  {
    name: 'rows that are created, moved and removed',
    proofs: [proof('counters/flush/move.both', 'moving a row decrements the old target and increments the new one')],
    others: ['yes', 'yes', 'computed by a formula'],
  },
  {
    name: 'rollbacks, of savepoints too',
    proofs: [
      proof('counters/flush/savepoints.both', 'of three nested transactions, of which the middle one is undone'),
    ],
    others: ['yes', 'yes', '–'],
  },
  {
    name: 'writers on several connections, each row counted once',
    proofs: [
      proof('counters/concurrent-writers.both', 'writers on several connections'),
      proof('races/races.both', ''),
    ],
    others: ['yes; its README names deadlocks', 'yes', '–'],
  },
  {
    name: 'conditions: equal, not equal, in, ranges, null, `$and`, `$or`, `$not`',
    proofs: [proof('random/conditions.both', 'random conditions')],
    others: ['a Ruby function; SQL beside it to repair', '–', '–'],
  },
  {
    name: 'soft deletes with `deletedAt`, and restoring',
    proofs: [proof('counters/declarations/soft-delete.both', 'a soft delete, a restoration and a hard delete after a')],
    others: ['with paranoia or discard', '–', '–'],
  },
  {
    name: 'conditions on dates',
    proofs: [proof('counters/declarations/condition-on-dates.both', 'rows on both sides of a date')],
    others: ['as above', '–', '–'],
  },
  {
    name: 'conditions on a part of an embedded object',
    proofs: [
      proof('counters/declarations/condition-on-embedded.both', 'a flush that creates, changes and removes rows'),
    ],
    others: ['–', '–', '–'],
  },
  {
    name: 'conditions on the key of a relation',
    proofs: [proof('counters/declarations/condition-on-relation.both', 'a relation is counted when it is changed')],
    others: ['as above', '–', '–'],
  },
  {
    name: 'sums of integers, bigints and decimals, exactly',
    proofs: [proof('counters/sums/sums.both', 'rows that are created, changed, moved and removed keep every sum')],
    others: ['yes, floats too', '–', '–'],
  },
  {
    name: 'counts and sums through several relations (`thread.board`)',
    proofs: [proof('counters/levels/levels.both', 'posts that are created, changed, moved and removed are counted')],
    others: ['yes', '–', '–'],
  },
  {
    name: 'several counters into one column',
    proofs: [proof('counters/shapes/shared-counts.both', 'a row adds to both of its targets')],
    others: ['`foreign_key_values`', '–', '–'],
  },
  {
    name: 'rows that count in their own table',
    proofs: [
      proof('counters/flush/self-reference', 'creating a child increments the count of its parent', 'hooks'),
      { ...proof('counters/flush/self-reference', 'and triggers', 'triggers'), on: 'sqlite' },
      proof('triggers/postgresql', 'triggers count the rows of their own table', 'triggers'),
    ],
    only: { mysql: ['hooks'], mariadb: ['hooks'] },
    others: ['–', '–', '–'],
  },
  {
    name: 'single-table inheritance',
    proofs: [
      proof('counters/shapes/single-table-inheritance.both', 'rows of several types move, change and are removed'),
    ],
    others: ['–', '–', '–'],
  },
  {
    name: 'one-to-one relations; entities that extend abstract ones; counts in embedded objects',
    proofs: [proof('counters/shapes/shapes.both', 'rows are counted that are created, moved and removed by flushes')],
    others: ['–', '–', '–'],
  },
  {
    name: 'relations to unique columns (`targetKey`)',
    proofs: [proof('counters/keys/unique-keys.both', 'rows are counted that are created with their target, moved')],
    others: ['–', '–', '–'],
  },
  {
    name: 'relations to several entities (polymorphic)',
    proofs: [proof('counters/shapes/polymorphic', 'rows are counted that are created, move from one entity', 'hooks')],
    only: all(['hooks']),
    others: ['yes', '–', '–'],
  },
  {
    name: "table-per-type inheritance, by columns of the root's table",
    proofs: [proof('counters/shapes/table-per-type.both', 'rows of all types move, change and are removed')],
    others: ['–', '–', '–'],
  },
  {
    name: "table-per-type inheritance, by columns of a type's own table",
    proofs: [
      proof('counters/shapes/table-per-type.both', "rows that are counted by columns of their type's own table"),
    ],
    only: { mysql: ['hooks'], mariadb: ['hooks'] },
    others: ['–', '–', '–'],
  },
  {
    name: 'table-per-type inheritance, by columns of several tables',
    proofs: [proof('counters/shapes/table-per-type.both', 'rows that are counted by columns of several tables')],
    only: all(['hooks']),
    others: ['–', '–', '–'],
  },
  {
    name: 'composite foreign keys',
    proofs: [proof('counters/bulk/matching-rows.both', 'a bulk change of rows with composite keys')],
    others: ['–', '–', '–'],
  },
  {
    name: 'keys that are texts, dates, bytes, decimals and types of your own',
    proofs: [proof('counters/keys/kinds-of-keys.both', 'a counted row with a key of the kind')],
    others: ['–', '–', '–'],
  },
  {
    name: 'properties that share a column',
    proofs: [proof('counters/keys/shared-columns.both', 'bulk writes of a column that properties share')],
    others: ['–', '–', '–'],
  },
  {
    name: 'several schemas',
    proofs: [proof('counters/schemas/schemas.both', 'rows with equal keys in two schemas are counted apart')],
    others: ['–', '–', '–'],
  },
  {
    name: 'rows that go with their target by `ON DELETE CASCADE`',
    proofs: [proof('counters/declarations/foreign-key-rules.both', 'a target takes its counted rows along')],
    others: ['–', '–', '–'],
  },
  {
    name: 'a date, a number or a version of the target that changes with its counts (`touch`)',
    proofs: [proof('counters/flush/touch.both', 'each counter touches its own properties')],
    others: ['`touch`', '`touch: true` of the relation', '–'],
  },
  {
    name: 'bulk writes by a condition',
    proofs: [proof('counters/bulk/matching-rows.both', 'a bulk change reads and changes the matching rows in chunks')],
    others: ['not counted', 'not counted', '–'],
  },
  {
    name: 'writes of other programs',
    proofs: [
      proof('triggers/raw-sql', 'triggers count one row and many rows of raw SQL', 'triggers'),
      proof('triggers/postgresql', 'triggers count what', 'triggers'),
    ],
    only: all(['triggers']),
    others: ['not counted', 'not counted', '–'],
  },
  {
    name: 'a guard of the counts against assignments of other programs',
    proofs: [proof('triggers/guard', 'gets no error, and changes nothing but other columns', 'triggers')],
    only: { mysql: ['triggers'], mariadb: ['triggers'], postgresql: ['triggers'], sqlite: [] },
    others: ['–', '–', '–'],
  },
  {
    name: '`TRUNCATE`, `COPY`, `MERGE`',
    proofs: [proof('triggers/postgresql', 'triggers count what', 'triggers')],
    only: { ...none, postgresql: ['triggers'] },
    others: ['not counted', 'not counted', '–'],
  },
  {
    name: 'verify and recount beside writers',
    proofs: [proof('counters/verify/recount-all', 'a recount of all', 'hooks')],
    only: all(['hooks']),
    others: ['`counter_culture_fix_counts`', '`reset_counters`, one row at a time', '–'],
  },
  {
    name: 'adding a counter to a live table, in a rolling deploy',
    proofs: [proof('counters/migration/counter-migration', 'a counter that is added to a live table', 'hooks')],
    only: all(['hooks']),
    others: ['–', '–', '–'],
  },
];

/** Returns the cells of a feature that a test has to prove. */
export function cellsOf({ only, untested = [] }: Feature): Cell[] {
  return databases
    .filter(database => !untested.includes(database))
    .flatMap(database => (only?.[database] ?? strategies).map(strategy => ({ database, strategy })));
}

/** Returns the table in Markdown. */
export function tableOf(): string {
  const head = ['', 'SQLite', 'MySQL', 'MariaDB', 'PostgreSQL', 'counter_culture', 'Rails', 'MikroORM alone'];
  const rows = features.map(feature => [feature.name, ...databases.map(one => shown(feature, one)), ...feature.others]);
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |\n`).join('');
}

function shown({ only, untested = [] }: Feature, database: Database): string {
  if (untested.includes(database)) return 'not tested';
  return (only?.[database] ?? strategies).join(', ') || '–';
}
