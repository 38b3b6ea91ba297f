import { databaseKindOf, type Database } from '../../database/database.js';
import { builderFor, rows } from '../../database/query.js';
import { numberOf, type ColumnOf, type StoredAggregate, type TableName } from '../../database/tables.js';
import { coursePageQuery, type CourseOrdering } from '../../reading/courses.js';
import type { Viewer } from '../../access/viewer.js';
import { failed, ok, warning, type Finding } from './finding.js';

/**
 * Is how a database would run a statement: the index in which it would look up values, those that it thought of, and
 * what it says of it.
 */
interface Plan {
  /** Is null where it would read all rows, be it in the order of an index. */
  readonly index: string | null;
  readonly possible: readonly string[];
  readonly text: string;
}

/** The column whose index is examined, and its table. */
const TABLE = 'core_course' satisfies TableName;
const COLUMN = 'total_enrollments' satisfies ColumnOf<typeof TABLE>;

/** Below so many courses a database is right to read the whole table. */
const MIN_INDEXED_COURSES = 1000;

/**
 * Examines whether a page of courses that is filtered and ordered by their total enrollments looks them up in an index,
 * by what the database says of the very statement that serves it: for counts above the highest, so that reading all is
 * never the better way.
 */
export async function examineCountIndex(database: Database, viewer: Viewer): Promise<Finding[]> {
  const [all] = await rows(
    database,
    builderFor(database)
      .selectFrom(TABLE)
      .select(eb => [eb.fn.max<StoredAggregate>(COLUMN).as('highest'), eb.fn.countAll<number>().as('courses')]),
  );
  const order: CourseOrdering = { list: 'courses', field: COLUMN.toUpperCase(), column: COLUMN, descending: true };
  const page = { size: 20, backward: false, after: null, before: null };
  const { sql, parameters } = coursePageQuery(
    database,
    viewer,
    { totalEnrollments: { gte: numberOf(all!.highest) + 1 } },
    order,
    page,
  ).compile();
  const plan = await planOf(database, sql, parameters);
  const indexes = await indexesOf(database);
  if (indexes.length === 0) {
    return [
      failed(
        `No index begins with ${COLUMN}, so a filter on it reads every course.`,
        `create index ${database.driver.getPlatform().getIndexName(TABLE, [COLUMN], 'index')} on ${TABLE} (${COLUMN})`,
      ),
    ];
  }
  if (plan.index !== null && indexes.includes(plan.index)) return [ok(`A filter on ${COLUMN} uses ${plan.index}.`)];
  if (all!.courses < MIN_INDEXED_COURSES && indexes.some(name => plan.possible.includes(name)))
    return [
      ok(
        `A filter on ${COLUMN} can use ${indexes.join(', ')}; ${all!.courses} courses are so few that the database reads them all.`,
      ),
    ];
  const analyze = databaseKindOf(database) === 'sqlite' ? 'analyze' : `analyze table ${TABLE}`;
  return [
    warning(
      `A filter on ${COLUMN} does not use ${indexes.join(', ')}: ${plan.text}.`,
      `Freshen what the database knows of the table: ${analyze}`,
    ),
  ];
}

async function planOf(database: Database, sql: string, parameters: readonly unknown[]): Promise<Plan> {
  const kind = databaseKindOf(database);
  // MySQL's default can be a format that only people read; MariaDB has no word for the table that it gives.
  const explain = { sqlite: 'explain query plan', mysql: 'explain format=traditional', mariadb: 'explain' }[kind];
  const [row] = await database.em
    .getConnection()
    .execute<Record<string, string | number | null>[]>(`${explain} ${sql}`, [...parameters]);
  if (kind === 'sqlite')
    return {
      index: /^SEARCH .* USING (?:COVERING )?INDEX (\S+)/.exec(String(row!['detail']))?.[1] ?? null,
      possible: [],
      text: String(row!['detail']),
    };
  const readsAll = ['ALL', 'index'].includes(String(row!['type']));
  return {
    index: readsAll ? null : (row!['key'] as string | null),
    possible: String(row!['possible_keys']).split(','),
    text: `${row!['type']} over about ${row!['rows']} rows, key ${row!['key'] ?? 'none'}`,
  };
}

/** Returns the names of the indexes that begin with the column. */
async function indexesOf(database: Database): Promise<string[]> {
  const sql =
    databaseKindOf(database) === 'sqlite'
      ? 'select list.name as name from pragma_index_list(?) list, pragma_index_info(list.name) info where info.seqno = 0 and info.name = ?'
      : 'select index_name as name from information_schema.statistics where table_schema = database() and table_name = ? and seq_in_index = 1 and column_name = ?';
  return (await database.em.getConnection().execute<{ name: string }[]>(sql, [TABLE, COLUMN])).map(({ name }) => name);
}
