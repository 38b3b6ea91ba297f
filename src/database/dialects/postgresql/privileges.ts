import { MissingPrivilegeError } from '../../../migrations/missing-privilege-error.js';
import type { Database, PrivilegeRules } from '../dialect.js';
import { ok } from '../finding.js';
import { hasState } from './errors.js';

/** The rules of privileges of PostgreSQL: who may create something in the schema owns it, and may then do everything. */
export const postgreSqlPrivileges: PrivilegeRules = {
  forTriggers: [{ privilege: 'CREATE', tables: null }],
  toRecord: (_, isNew) => (isNew ? [{ privilege: 'CREATE', tables: null }] : []),
  async missing(database, needs) {
    const asked = [...new Set(needs.filter(({ tables }) => tables === null).map(({ privilege }) => privilege))];
    const missing: string[] = [];
    for (const privilege of asked) {
      const [row] = await database.em
        .fork()
        .execute<{ granted: boolean }[]>(`select has_schema_privilege(current_schema(), ?) as granted`, [privilege]);
      if (!row!.granted) missing.push(privilege);
    }
    return missing;
  },
  async refusal(database, privileges) {
    const [row] = await database.em
      .fork()
      .execute<{ account: string; name: string }[]>('select current_user as account, current_database() as name');
    return new MissingPrivilegeError(
      `The user ${row!.account} may not apply the migrations: it lacks ${privileges.join(' and ')} on the schema public of ${row!.name}. Nothing was changed. ` +
        `As an administrator: ${grantSql(database, privileges).replace('…', `"${row!.account}"`)}; then migrate again.`,
    );
  },
  grantSql,
  isDenied: error => hasState(error, '42501'),
  examineTriggers: () => Promise.resolve([ok('The owner of the tables may create triggers.')]),
};

function grantSql(_: Database, privileges: readonly string[]): string {
  return `grant ${privileges.join(', ')} on schema public to …`;
}
