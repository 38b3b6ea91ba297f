import fc from 'fast-check';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import type { EnrollmentStatus } from '../../../src/entities/index.js';
import { anyStatus, anyIndex, pick, rarely, type Action } from './action.js';
import { attempt } from './attempt.js';
import { anyCondition, conditionOf, pairsOf, type Condition } from './conditions.js';
import { hasTwins, isSameSeat, noChanges, rejection, type Changes, type Expectation } from './expectation.js';
import { courseIds, rowOf, type Row, type Rows } from './rows.js';
import type { ModelRun } from './model-run.js';

/** The values for one statement. */
interface Given {
  readonly run: ModelRun;
  readonly news: readonly Row[];
  readonly condition: Condition;
  readonly course: number;
  readonly status: EnrollmentStatus;
}

/** SQL with its values, and its expected outcome. */
interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
  readonly expected: Expectation;
}

const columns = '(course_id, student_id, status, enrolled_at, updated_at)';
const moment = new Date(Date.UTC(2026, 0, 1));

/** Returns the statements that another program might send, in the dialect of the database. */
function statementsOf(kind: DatabaseKind): Record<string, (given: Given) => Statement> {
  // PostgreSQL has neither INSERT IGNORE nor REPLACE.
  const isMySql = kind === 'mysql' || kind === 'mariadb';
  const onConflict = 'on conflict (course_id, student_id) do';
  return {
    insert: given => ({ ...inserting('insert', given), expected: bypass(given, { creates: given.news }) }),
    ...(kind !== 'postgresql' && {
      'insert ignoring duplicates': given => ({
        ...inserting(isMySql ? 'insert ignore' : 'insert or ignore', given),
        expected: oneByOne(given, putUnlessTaken),
      }),
    }),
    ...(!isMySql && {
      'insert or do nothing': given => {
        const { sql, values } = inserting('insert', given);
        return { sql: `${sql} ${onConflict} nothing`, values, expected: oneByOne(given, putUnlessTaken) };
      },
    }),
    ...(kind !== 'postgresql' && {
      replace: given => ({
        ...inserting('replace', given),
        expected: oneByOne(given, (rows, row) => withRow(withoutSeat(rows, row), row)),
      }),
    }),
    'insert or update': given => {
      const { sql, values } = inserting('insert', given);
      const put = (rows: Rows, row: Row): Rows =>
        withRow(withoutSeat(rows, row), seatOf(rows, row) ? { ...seatOf(rows, row)!, status: given.status } : row);
      // PostgreSQL alone refuses to update a row that the same statement has inserted or updated.
      const isTwice = kind === 'postgresql' && hasTwins(given.news, isSameSeat);
      return {
        sql: `${sql} ${isMySql ? 'on duplicate key update' : `${onConflict} update set`} status = ?`,
        values: [...values, given.status],
        expected: isTwice ? rejection(given.run.rows, 'TWICE') : oneByOne(given, put),
      };
    },
    copy: given => {
      const { course, condition } = given;
      const creates = condition.rows.map(({ student, status }) => ({ id: null, course, student, status }));
      const select = filtered(
        'select ?, student_id, status, enrolled_at, updated_at from core_enrollments',
        [course],
        condition,
      );
      return {
        ...select,
        sql: `insert into core_enrollments ${columns} ${select.sql}`,
        expected: bypass(given, { creates }),
      };
    },
    'set the status': given => updating(given, { status: given.status }),
    move: given => updating(given, { course: given.course }),
    'move and set the status': given => updating(given, { course: given.course, status: given.status }),
    delete: given => ({
      ...filtered('delete from core_enrollments', [], given.condition),
      expected: bypass(given, { deletes: idsOf(given.condition) }),
    }),
  };
}

/** Writes with raw SQL, as any other program may where triggers count. */
export function writingRawSql(kind: DatabaseKind): fc.Arbitrary<Action> {
  const statements = statementsOf(kind);
  return fc
    .record({
      verb: fc.constantFrom(...Object.keys(statements)),
      pairs: fc.array(fc.record({ student: anyIndex, course: anyIndex }), { minLength: 1, maxLength: 4 }),
      condition: anyCondition,
      course: anyIndex,
      ghost: rarely,
      statuses: fc.tuple(anyStatus, anyStatus),
    })
    .map(({ verb, pairs, condition: which, course: where, ghost, statuses: [status, first] }) => ({
      name: 'raw SQL',
      needs: 'database',
      async perform(context) {
        const { run, who, em } = context;
        const { rows, log, everCourses } = run;
        // Those that ignore duplicates, on the servers, ignore missing courses too.
        const ghosts = ghost && !verb.includes('ignoring');
        const [condition, course] = [
          conditionOf(context, which),
          pick(ghosts ? [...everCourses] : courseIds(rows), where),
        ];
        const news = pairsOf(context, pairs, ghosts && verb === 'insert').map(pair => ({
          id: null,
          ...pair,
          status: first,
        }));
        if (!condition || course === undefined || news.length === 0) return;
        const { sql, values, expected } = statements[verb]!({ run, news, condition, course, status });
        const named = news
          .map(row => `${log.name('student', row.student)} in ${log.name('course', row.course)}`)
          .join(', ');
        const target =
          verb.startsWith('insert') || verb === 'replace' ? `${named} (${first})` : `all ${condition.text}`;
        log.write(
          `${who} sends SQL: ${verb}, ${target}${/move|copy/.test(verb) ? `, to ${log.name('course', course)}` : ''}${/status|or update/.test(verb) ? `, ${status}` : ''}`,
        );
        await attempt(
          context,
          () =>
            em.execute(
              sql,
              values.map(value => columnValue(em, value)),
              'run',
            ),
          expected,
        );
      },
    }));
}

function inserting(verb: string, { news }: Given): Omit<Statement, 'expected'> {
  return {
    sql: `${verb} into core_enrollments ${columns} values ${news.map(() => '(?, ?, ?, ?, ?)').join(', ')}`,
    values: news.flatMap(({ course, student, status }) => [course, student, status, moment, moment]),
  };
}

function updating(given: Given, { course, status }: { course?: number; status?: EnrollmentStatus }): Statement {
  const set = [
    ...(course === undefined ? [] : ['course_id = ?']),
    ...(status === undefined ? [] : ['status = ?']),
  ].join(', ');
  const values = [course, status].filter(value => value !== undefined);
  const updates = idsOf(given.condition).map(id => ({
    id,
    ...(course !== undefined && { course }),
    ...(status !== undefined && { status }),
  }));
  return {
    ...filtered(`update core_enrollments set ${set}`, values, given.condition),
    expected: bypass(given, { updates }),
  };
}

function filtered(
  sql: string,
  values: readonly unknown[],
  { where: { course, student, status } }: Condition,
): Omit<Statement, 'expected'> {
  const courses = course === undefined ? [] : typeof course === 'number' ? [course] : course.$in;
  const conditions = [
    ...(courses.length > 0 ? [`course_id in (${courses.map(() => '?').join(', ')})`] : []),
    ...(student === undefined ? [] : ['student_id = ?']),
    ...(status === undefined ? [] : ['status = ?']),
  ];
  const where = conditions.length > 0 ? ` where ${conditions.join(' and ')}` : '';
  return {
    sql: `${sql}${where}`,
    values: [...values, ...courses, student, status].filter(value => value !== undefined),
  };
}

/** Returns the expected outcome of a write without hooks that makes these changes. */
function bypass({ run }: Given, changes: Partial<Changes>): Expectation {
  return run.rules.bypass(run.rows, { ...noChanges, ...changes });
}

/** Returns the expectation that rows are written one after the other, none of which can be rejected. */
function oneByOne({ run, news }: Given, put: (rows: Rows, row: Row) => Rows): Expectation {
  return { after: news.reduce(put, run.rows), rejections: [], certain: false };
}

function idsOf({ rows }: Condition): number[] {
  return rows.map(({ id }) => id!);
}

function seatOf(rows: Rows, { course, student }: Row): Row | undefined {
  return rowOf(rows, course, student);
}

function putUnlessTaken(rows: Rows, row: Row): Rows {
  return seatOf(rows, row) ? rows : withRow(rows, row);
}

function withRow(rows: Rows, row: Row): Rows {
  return { ...rows, enrollments: [...rows.enrollments, row] };
}

function withoutSeat(rows: Rows, row: Row): Rows {
  return { ...rows, enrollments: rows.enrollments.filter(other => other !== seatOf(rows, row)) };
}

function columnValue(em: SqlEntityManager, value: unknown): unknown {
  return value instanceof Date ? em.getPlatform().processDateProperty(value) : value;
}
