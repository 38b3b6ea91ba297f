import { dialectOf, type Database } from '../../database/database.js';
import { storedColumn, storedTable } from '../../database/mapped/stored-names.js';
import { builderFor, rows } from '../../database/query.js';
import { numberOf, type ColumnOf, type StoredAggregate, type TableName } from '../../database/tables.js';
import type { CourseOrdering } from '../../reading/index.js';
import { coursePageQuery } from '../../reading/courses.js';
import type { Viewer } from '../../access/viewer.js';
import { failed, ok, warning, type Finding } from './finding.js';

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
  const { inspection } = dialectOf(database);
  const plan = await inspection.plan(database, sql, parameters);
  const indexes = await inspection.indexesStartingWith(
    database,
    storedTable(database, TABLE),
    storedColumn(database, TABLE, COLUMN),
  );
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
  return [
    warning(
      `A filter on ${COLUMN} does not use ${indexes.join(', ')}: ${plan.text}.`,
      `Freshen what the database knows of the table: ${inspection.analyzeSql(database, storedTable(database, TABLE))}`,
    ),
  ];
}
