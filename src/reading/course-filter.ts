import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { storedBoolean, type ColumnOf, type Tables } from '../database/tables.js';
import type { CourseStatus, Key } from '../entities/index.js';
import type { Ordering } from './page.js';

/** An order of courses. */
export type CourseOrdering = Ordering<ColumnOf<'core_course'>>;

/** A comparison of whole numbers; all parts that are given must hold. */
interface NumberFilter {
  readonly eq?: number | null;
  readonly gt?: number | null;
  readonly gte?: number | null;
  readonly lt?: number | null;
  readonly lte?: number | null;
}

/** A comparison of texts, regardless of case and accents: by the database's collation, or by its dialect. */
interface TextFilter {
  readonly eq?: string | null;
  readonly contains?: string | null;
  readonly startsWith?: string | null;
}

/** The choice of courses; all given parts must hold. */
export interface CourseFilter {
  readonly ids?: readonly Key[] | null;
  readonly title?: TextFilter | null;
  readonly status?: readonly CourseStatus[] | null;
  readonly isPublished?: boolean | null;
  readonly instructorId?: Key | null;
  readonly totalEnrollments?: NumberFilter | null;
}

/** Returns the conditions of a filter. */
export function conditionsOf(
  database: Database,
  eb: ExpressionBuilder<Tables, 'core_course'>,
  { ids, title, status, isPublished, instructorId, totalEnrollments: total }: CourseFilter,
): Expression<SqlBool>[] {
  const { isText, isLike } = dialectOf(database).sql;
  const ofTitle = eb.ref('title');
  const among = (column: 'id' | 'status', values: readonly unknown[] | null | undefined): Expression<SqlBool>[] =>
    values == null ? [] : [values.length === 0 ? eb.lit(false) : eb(column, 'in', [...values] as never)];
  const compare = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
  return [
    ...among('id', ids),
    ...among('status', status),
    ...(title?.eq == null ? [] : [isText(ofTitle, title.eq)]),
    ...(title?.contains == null ? [] : [isLike(ofTitle, `%${escapedLike(title.contains)}%`)]),
    ...(title?.startsWith == null ? [] : [isLike(ofTitle, `${escapedLike(title.startsWith)}%`)]),
    ...(isPublished == null ? [] : [eb('is_published', '=', storedBoolean(isPublished))]),
    ...(instructorId == null ? [] : [eb('instructor_id', '=', instructorId)]),
    ...Object.entries(compare).flatMap(([name, operator]) => {
      const value = total?.[name as keyof NumberFilter];
      return value == null ? [] : [eb('total_enrollments', operator, value)];
    }),
  ];
}

/** Escapes LIKE's wildcards with `!`, because a backslash means different things to the databases. */
function escapedLike(text: string): string {
  return text.replace(/[!%_]/g, '!$&');
}
