import type { EntityClass } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { builderFor, rows } from '../../src/database/query.js';
import { rowReader } from '../../src/database/row-reader.js';
import {
  entitiesByTable,
  tableNames,
  type EntityOf,
  type PlainRow,
  type TableName,
  type Tables,
} from '../../src/database/tables.js';
import { Course, Enrollment, RecountChange, RecountRun, User } from '../../src/entities/index.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';

/** The type of a property of a plain row, as derived from the entities. */
type KindOf<Value> = boolean extends Value
  ? 'boolean'
  : Value extends Date
    ? 'date'
    : Value extends number
      ? 'number'
      : 'text';

/** The type of a column, with `?` if it may be null. */
type Described<Value> = `${KindOf<NonNullable<Value>>}${null extends Value ? '?' : ''}`;

/** The compiler accepts this only if it names each derived column and property with its type. */
const derived: {
  readonly [Table in TableName]: {
    readonly columns: { readonly [Column in keyof Tables[Table]]: true };
    readonly properties: {
      readonly [Name in keyof PlainRow<EntityOf<Table>>]: Described<PlainRow<EntityOf<Table>>[Name]>;
    };
  };
} = {
  core_user: {
    columns: { id: true, name: true, email: true, role: true, created_at: true, updated_at: true },
    properties: { id: 'number', name: 'text', email: 'text', role: 'text', createdAt: 'date', updatedAt: 'date' },
  },
  core_course: {
    columns: {
      id: true,
      title: true,
      description: true,
      status: true,
      is_published: true,
      capacity: true,
      instructor_id: true,
      total_enrollments: true,
      active_enrollments: true,
      created_at: true,
      updated_at: true,
    },
    properties: {
      id: 'number',
      title: 'text',
      description: 'text?',
      status: 'text',
      isPublished: 'boolean',
      capacity: 'number?',
      instructorId: 'number?',
      totalEnrollments: 'number',
      activeEnrollments: 'number',
      createdAt: 'date',
      updatedAt: 'date',
    },
  },
  core_enrollments: {
    columns: { id: true, course_id: true, student_id: true, status: true, enrolled_at: true, updated_at: true },
    properties: {
      id: 'number',
      courseId: 'number',
      studentId: 'number',
      status: 'text',
      enrolledAt: 'date',
      updatedAt: 'date',
    },
  },
  core_recount_runs: {
    columns: {
      id: true,
      kind: true,
      status: true,
      undone_run_id: true,
      dry_run: true,
      started_by: true,
      course_ids: true,
      batch_size: true,
      throttle: true,
      total: true,
      checked: true,
      drifted: true,
      repaired: true,
      cursor_id: true,
      error: true,
      owner: true,
      lease_expires_at: true,
      is_starting: true,
      slot: true,
      started_at: true,
      updated_at: true,
      finished_at: true,
    },
    properties: {
      id: 'number',
      kind: 'text',
      status: 'text',
      undoneRunId: 'number?',
      dryRun: 'boolean',
      startedBy: 'text',
      courseIds: 'text?',
      batchSize: 'number?',
      throttle: 'number',
      total: 'number',
      checked: 'number',
      drifted: 'number',
      repaired: 'number',
      cursorId: 'number?',
      error: 'text?',
      owner: 'text',
      leaseExpiresAt: 'date',
      isStarting: 'boolean?',
      slot: 'text?',
      startedAt: 'date',
      updatedAt: 'date',
      finishedAt: 'date?',
    },
  },
  core_recount_changes: {
    columns: { id: true, run_id: true, counter: true, course_id: true, count_before: true, count_after: true },
    properties: {
      id: 'number',
      runId: 'number',
      counter: 'text',
      courseId: 'number',
      countBefore: 'number',
      countAfter: 'number',
    },
  },
};

const moment = new Date('2026-02-28T23:59:59.987Z');

/** One row of each table, in which no column is null. */
const filled = {
  core_user: { id: 1, name: 'Ada', email: 'ada@example.org', role: 'teacher', createdAt: moment, updatedAt: moment },
  core_course: {
    id: 2,
    title: 'Logic',
    description: 'Proofs',
    status: 'active',
    isPublished: true,
    capacity: 30,
    instructor: 1,
    createdAt: moment,
    updatedAt: moment,
  },
  core_enrollments: { id: 3, course: 2, student: 1, status: 'dropped', enrolledAt: moment, updatedAt: moment },
  core_recount_runs: {
    id: 4,
    undoneRun: 4,
    dryRun: false,
    startedBy: 'a test',
    courseIds: '2',
    batchSize: 7,
    cursorId: 2,
    error: 'none',
    owner: 'a test',
    leaseExpiresAt: moment,
    isStarting: true,
    slot: 'once',
    startedAt: moment,
    updatedAt: moment,
    finishedAt: moment,
  },
  core_recount_changes: {
    id: 5,
    run: 4,
    counter: 'Course.totalEnrollments',
    courseId: 2,
    countBefore: 1,
    countAfter: 2,
  },
} as const satisfies Record<TableName, object>;

/** Returns the type of a value at run time, in the terms of `derived`. */
function kindOf(value: unknown): string {
  return value instanceof Date ? 'date' : typeof value === 'string' ? 'text' : typeof value;
}

describeOnEach('the tables of the query builder', kind => {
  it("the tables of the query builder have the names, columns and properties of the entities' metadata", async () => {
    const { database, drop } = await freshDatabase(kind);
    try {
      expect(database.getMetadata().getAll().size).toBe(tableNames.length);
      for (const table of tableNames) {
        const entity = entitiesByTable[table] as EntityClass<object>;
        const { tableName, props } = database.getMetadata().get(entity);
        expect(tableName).toBe(table);
        expect(Object.keys(derived[table].columns).toSorted()).toEqual(
          props.flatMap(({ fieldNames }) => fieldNames).toSorted(),
        );
        const nullable = props
          .filter(prop => prop.nullable)
          .map(prop => (prop.targetMeta ? `${String(prop.name)}Id` : prop.name));
        expect(
          Object.entries(derived[table].properties)
            .filter(([, described]) => described.endsWith('?'))
            .map(([name]) => name)
            .toSorted(),
        ).toEqual(nullable.toSorted());
      }
    } finally {
      await drop();
    }
  });

  it('the tables of the query builder are read as plain rows with the values that the entities were stored with', async () => {
    const { database, drop } = await freshDatabase(kind);
    try {
      const em = database.em.fork();
      await em.insert(User, filled.core_user as never);
      em.create(Course, filled.core_course as never);
      await em.flush();
      em.create(Enrollment, filled.core_enrollments as never);
      await em.flush();
      await em.insert(RecountRun, filled.core_recount_runs);
      await em.insert(RecountChange, filled.core_recount_changes);
      for (const table of tableNames) {
        const { columns, plain } = rowReader(database, entitiesByTable[table] as EntityClass<object>);
        const query = builderFor(database)
          .selectFrom(table)
          .select(columns as never[]);
        const [stored] = await rows(database, query);
        const row = plain(stored!) as Readonly<Record<string, unknown>>;
        expect(row).toMatchObject(
          Object.fromEntries(
            Object.entries(filled[table]).map(([name, value]) => [`${name}Id` in row ? `${name}Id` : name, value]),
          ),
        );
        expect(Object.fromEntries(Object.entries(row).map(([name, value]) => [name, kindOf(value)]))).toEqual(
          Object.fromEntries(
            Object.entries(derived[table].properties).map(([name, described]) => [name, described.replace('?', '')]),
          ),
        );
      }
    } finally {
      await drop();
    }
  });
});
