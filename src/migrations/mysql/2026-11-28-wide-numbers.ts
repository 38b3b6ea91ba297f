import { Migration } from '@mikro-orm/migrations';
import type { Way } from '../altered-tables.js';
import { MigrationRefused } from '../migration-refused.js';
import { alter } from './alter.js';

/** The columns that contain a key or a count, each with what follows its type. */
type Columns = Readonly<Record<string, string>>;

interface ForeignKey {
  readonly name: string;
  readonly column: string;
  readonly references: string;
}

interface Table {
  readonly name: string;
  readonly columns: Columns;
  readonly foreignKeys: readonly ForeignKey[];
}

const key = 'not null auto_increment';

/** The tables, each after those that it refers to. */
const tables: readonly Table[] = [
  { name: 'core_user', columns: { id: key }, foreignKeys: [] },
  {
    name: 'core_course',
    columns: {
      id: key,
      instructor_id: 'null',
      total_enrollments: 'not null default 0',
      active_enrollments: 'not null default 0',
    },
    foreignKeys: [{ name: 'core_course_instructor_id_foreign', column: 'instructor_id', references: 'core_user' }],
  },
  {
    name: 'core_enrollments',
    columns: { id: key, course_id: 'not null', student_id: 'not null' },
    foreignKeys: [
      { name: 'core_enrollments_course_id_foreign', column: 'course_id', references: 'core_course' },
      { name: 'core_enrollments_student_id_foreign', column: 'student_id', references: 'core_user' },
    ],
  },
  {
    name: 'core_recount_runs',
    columns: {
      id: key,
      undone_run_id: 'null',
      total: 'not null default 0',
      checked: 'not null default 0',
      drifted: 'not null default 0',
      repaired: 'not null default 0',
      cursor_id: 'null',
    },
    foreignKeys: [
      { name: 'core_recount_runs_undone_run_id_foreign', column: 'undone_run_id', references: 'core_recount_runs' },
    ],
  },
  {
    name: 'core_recount_changes',
    columns: { id: key, run_id: 'not null', course_id: 'not null', count_before: 'not null', count_after: 'not null' },
    foreignKeys: [{ name: 'core_recount_changes_run_id_foreign', column: 'run_id', references: 'core_recount_runs' }],
  },
];

const WIDE = 'bigint unsigned';

/** A function that runs SQL that only reads. */
type Read = <Row extends object>(sql: string) => Promise<Row[]>;

/** Returns the tables that this migration would change, with their existing columns of another type. */
export async function narrowColumns(read: Read): Promise<Map<string, string[]>> {
  const types = await typesOf(read);
  const narrow = tables.map(
    ({ name, columns }) =>
      [name, Object.keys(columns).filter(column => (types.get(`${name}.${column}`) ?? WIDE) !== WIDE)] as const,
  );
  return new Map(narrow.filter(([, columns]) => columns.length > 0).map(([name, columns]) => [name, [...columns]]));
}

/** Returns the types of all columns, without the widths that MariaDB adds to them. */
async function typesOf(read: Read): Promise<Map<string, string>> {
  const rows = await read<{ t: string; c: string; type: string }>(
    'select table_name as t, column_name as c, column_type as type from information_schema.columns where table_schema = database()',
  );
  return new Map(rows.map(({ t, c, type }) => [`${t}.${c}`, type.replace(/\(\d+\)/, '')]));
}

/**
 * Widens keys, foreign keys and counts to integers of 64 bits on MySQL and MariaDB, if an earlier version created the
 * tables; the migrations before this one now create them in this form.
 *
 * A change of type copies the table, and a foreign key does not allow its two columns to have different types. So the
 * foreign keys are dropped first, and created again, and checked, by the statement that copies their table. Each
 * statement is separate, because these databases commit it; an interrupted run is completed by the next, which does the
 * rest.
 */
export class WideNumbers extends Migration {
  /**
   * Leaves the columns unchanged: an earlier version works with them too, and a narrower column might lose a number.
   */
  override down(): void {}

  override async up(): Promise<void> {
    const types = await typesOf(sql => this.#rows(sql));
    const pending = new Map(
      tables.map(({ name, columns }) => [
        name,
        Object.entries(columns).filter(([column]) => types.get(`${name}.${column}`) !== WIDE),
      ]),
    );
    const changes = (table: string): boolean => pending.get(table)!.length > 0;
    const isHeld = (name: string, { references }: ForeignKey): boolean => changes(name) || changes(references);
    await this.#refuseForeignKeysOfOthers(
      new Map([...pending].map(([name, columns]) => [name, columns.map(([column]) => column)])),
    );
    let there = await this.#foreignKeys();
    for (const { name, foreignKeys } of tables) {
      for (const foreignKey of foreignKeys) {
        if (isHeld(name, foreignKey) || !there.has(`${name}.${foreignKey.name}`))
          await this.#refuseOrphans(name, foreignKey);
      }
    }
    for (const { name, foreignKeys } of tables) {
      const held = foreignKeys.filter(
        foreignKey => there.has(`${name}.${foreignKey.name}`) && isHeld(name, foreignKey),
      );
      if (held.length > 0)
        await this.#alter(
          name,
          held.map(foreignKey => `drop foreign key ${foreignKey.name}`),
          'keeps',
        );
    }
    there = await this.#foreignKeys();
    for (const { name, foreignKeys } of tables) {
      const columns = pending.get(name)!.map(([column, rest]) => `modify ${column} ${WIDE} ${rest}`);
      const missing = foreignKeys.filter(foreignKey => !there.has(`${name}.${foreignKey.name}`));
      const constraints = missing.map(
        ({ name: constraint, column, references }) =>
          `add constraint ${constraint} foreign key (${column}) references ${references} (id) on update restrict on delete restrict`,
      );
      // A table that refers to itself cannot be checked by the copy that changes both columns.
      const own = missing.some(({ references }) => references === name);
      for (const clauses of own ? [columns, constraints] : [[...columns, ...constraints]]) {
        if (clauses.length > 0) await this.#alter(name, clauses, 'copies');
      }
    }
  }

  #alter(table: string, clauses: readonly string[], way: Way): Promise<void> {
    return alter({ table, clauses, way, execute: sql => this.#rows(sql) });
  }

  #rows<Row extends object>(sql: string): Promise<Row[]> {
    return this.execute(sql) as Promise<Row[]>;
  }

  /** Returns the existing foreign keys, each as its table and its name. */
  async #foreignKeys(): Promise<Set<string>> {
    const rows = await this.#rows<{ t: string; name: string }>(
      "select table_name as t, constraint_name as name from information_schema.table_constraints where constraint_schema = database() and constraint_type = 'FOREIGN KEY'",
    );
    return new Set(rows.map(({ t, name }) => `${t}.${name}`));
  }

  /**
   * Refuses rows that refer to a missing row, because their foreign key could not be created again. Errors:
   * MigrationRefused.
   */
  async #refuseOrphans(table: string, { name, column, references }: ForeignKey): Promise<void> {
    const orphans = `${table} child left join ${references} parent on parent.id = child.${column} where child.${column} is not null and parent.id is null`;
    const [row] = await this.#rows<{ n: number }>(`select count(*) as n from ${orphans}`);
    const count = Number(row!.n);
    if (count === 0) return;
    throw new MigrationRefused(
      `${count === 1 ? 'A row' : `${count} rows`} of ${table} ${count === 1 ? 'refers' : 'refer'} by ${column} to a row of ${references} that does not exist, so the foreign key ${name} cannot be created. ` +
        `No table was changed. List them by: select child.* from ${orphans}; then add the missing rows, or delete these, and migrate again.`,
    );
  }

  /**
   * Refuses to change columns whose types depend on foreign keys that this migration does not know. Errors:
   * MigrationRefused.
   */
  async #refuseForeignKeysOfOthers(changed: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const own = new Set(
      tables.flatMap(({ name, foreignKeys }) => foreignKeys.map(foreignKey => `${name}.${foreignKey.name}`)),
    );
    const rows = await this.#rows<{
      place: string;
      t: string;
      c: string;
      name: string;
      target: string;
      targetColumn: string;
      isOurs: number;
      refersToOurs: number;
    }>(
      `select concat(table_schema, '.', table_name, '.', column_name) as place, table_name as t, column_name as c, constraint_name as name, referenced_table_name as target, referenced_column_name as targetColumn,
         table_schema = database() as isOurs, referenced_table_schema = database() as refersToOurs
       from information_schema.key_column_usage where referenced_table_name is not null and (table_schema = database() or referenced_table_schema = database())`,
    );
    const isChanged = (table: string, column: string): boolean => changed.get(table)?.includes(column) ?? false;
    const others = rows.filter(
      ({ t, c, name, target, targetColumn, isOurs, refersToOurs }) =>
        !(isOurs && own.has(`${t}.${name}`)) &&
        ((isOurs && isChanged(t, c)) || (refersToOurs && isChanged(target, targetColumn))),
    );
    if (others.length === 0) return;
    throw new MigrationRefused(
      `Foreign keys that Rollcall did not make keep columns at 32 bits: ${others.map(({ place, name }) => `${name} (${place})`).join(', ')}. ` +
        'Nothing was changed. Drop them, make their columns bigint unsigned, migrate, and create them again.',
    );
  }
}
