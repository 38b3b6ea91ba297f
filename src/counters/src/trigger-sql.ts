import { createHash } from 'node:crypto';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { conditionSql } from './condition-sql.js';
import type { CounterGroup, ResolvedCounter } from './registry.js';
import { isSqlite, quoted } from './sql-names.js';

/**
 * Is the session variable with which a connection to MySQL or MariaDB says that its hooks count, so that triggers must
 * not.
 *
 * It lets processes of both strategies write at once while one takes over from the other. It must not be asked for with
 * IS NULL: seen with MySQL 9.7, a trigger that first ran where the variable was set finds it set ever after.
 */
export const HOOKS_VARIABLE = '@counters_kept_by_hooks';

/** Begins the name of every trigger that keeps a counter. */
export const TRIGGER_PREFIX = 'counters_';

/** Is one trigger: its name, its table, and the statement that creates it. */
export interface TriggerDefinition {
  readonly name: string;
  readonly table: string;
  /** The moment and the event, such as `after insert`. */
  readonly event: string;
  readonly create: string;
  /** Is what the database keeps of the statement, to be compared. */
  readonly body: string;
}

type Row = 'new' | 'old';

/**
 * Gives the triggers that keep a group's counters on MySQL and MariaDB.
 *
 * A trigger before each write locks the target rows, and one after it counts. The first is needed because the foreign
 * key's check takes a shared lock on the target, from which two writers of one target would deadlock; the second
 * because a row that INSERT IGNORE drops fires only the first.
 */
export function mysqlTriggers(group: CounterGroup, em: SqlEntityManager): TriggerDefinition[] {
  const sql = triggerSql(group, em);
  const lock = (...rows: Row[]): string =>
    `select count(*) into @counters_locked from ${sql.target} where ${rows.map(sql.isTargetOf).join(' or ')} for update;`;
  const bodies: [string, string][] = [
    ['before insert', lock('new')],
    ['after insert', sql.add('new')],
    ['before update', `if ${sql.moved} or ${sql.recounted} then ${lock('old', 'new')} end if;`],
    [
      'after update',
      `if ${sql.moved} then ${sql.take('old')} ${sql.add('new')} elseif ${sql.recounted} then ${sql.change()} end if;`,
    ],
    ['before delete', lock('old')],
    ['after delete', sql.take('old')],
  ];
  return bodies.map(([event, body]) =>
    definition(group, em, event, `begin if coalesce(${HOOKS_VARIABLE}, 0) = 0 then ${body} end if; end`),
  );
}

/** Gives the triggers that keep a group's counters on SQLite, whose one writer needs no locks. */
export function sqliteTriggers(group: CounterGroup, em: SqlEntityManager): TriggerDefinition[] {
  const sql = triggerSql(group, em);
  const bodies: [string, string][] = [
    ['after insert', `begin ${sql.add('new')} end`],
    ['after update', `when ${sql.moved} or ${sql.recounted} begin ${sql.take('old')} ${sql.add('new')} end`],
    ['after delete', `begin ${sql.take('old')} end`],
  ];
  return bodies.map(([event, body]) => definition(group, em, event, body));
}

/** Gives the name of a group's trigger for an event, at most 64 characters, as MySQL allows. */
export function triggerName(group: CounterGroup, event: string): string {
  const name = TRIGGER_PREFIX + [group.counted.tableName, ...group.foreignKey, ...event.split(' ')].join('_');
  return name.length <= 64
    ? name
    : `${name.slice(0, 55)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

function definition(group: CounterGroup, em: SqlEntityManager, event: string, body: string): TriggerDefinition {
  const name = triggerName(group, event);
  const { tableName: table } = group.counted;
  return {
    name,
    table,
    event,
    body,
    create: `create trigger if not exists ${quoted(em, name)} ${event} on ${quoted(em, table)} for each row ${body}`,
  };
}

/** Gives the parts that triggers are made of, in the database's words. */
function triggerSql(group: CounterGroup, em: SqlEntityManager) {
  const quote = (identifier: string): string => quoted(em, identifier);
  const target = quote(group.target.tableName);
  const isTargetOf = (row: Row): string =>
    `(${group.targetKey.map((key, index) => `${target}.${quote(key)} = ${row}.${quote(group.foreignKey[index]!)}`).join(' and ')})`;
  const counted = ({ comparisons }: ResolvedCounter, row: Row): string =>
    comparisons.length === 0
      ? '1'
      : `(case when ${conditionSql(em, group.counted, comparisons, `${row}.`)} then 1 else 0 end)`;
  const update = (row: Row, amount: (counter: ResolvedCounter) => string): string =>
    `update ${target} set ${group.counters.map(counter => `${quote(counter.column)} = ${quote(counter.column)} ${amount(counter)}`).join(', ')} where ${isTargetOf(row)};`;
  const same = isSqlite(em) ? 'is' : '<=>';
  return {
    target,
    isTargetOf,
    moved: `not (${group.foreignKey.map(column => `new.${quote(column)} ${same} old.${quote(column)}`).join(' and ')})`,
    recounted: group.counters.map(counter => `${counted(counter, 'new')} <> ${counted(counter, 'old')}`).join(' or '),
    add: (row: Row) => update(row, counter => `+ ${counted(counter, row)}`),
    take: (row: Row) => update(row, counter => `- ${counted(counter, row)}`),
    change: () => update('new', counter => `+ ${counted(counter, 'new')} - ${counted(counter, 'old')}`),
  };
}
