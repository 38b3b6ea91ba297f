import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { Role, User } from '../../entities/index.js';
import { userProblems } from '../../use-cases/users.js';
import { quotedCell, type BadRow } from './bad-row.js';
import { usersBy } from './lookups.js';
import type { Placed } from './placed.js';
import { readBlocks, type FileOptions, type RowContext } from './read-blocks.js';
import { runImport, type ImportOptions, type ImportResult } from './run-import.js';
import type { Source } from './source.js';
import type { FileColumn, FileRow } from './table.js';

/** The columns of a file of users; those with `?` are optional. */
export const userColumns = ['name', 'email', 'role?', 'created_at?'] as const;

/** Other names that files have for the columns of users. */
const userAliases: Readonly<Record<FileColumn<typeof userColumns>, readonly string[]>> = {
  name: ['full_name', 'display_name', 'user_name'],
  email: ['mail', 'email_address', 'user_email'],
  role: ['user_role'],
  created_at: ['created', 'date_joined', 'created_on'],
};

interface ImportedUser {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly email: string;
  /** Null: the file says none, which makes a new user a student. */
  readonly role: Role | null;
  readonly createdAt: Date;
}

/**
 * Imports users from a table: `name`, `email`, and optionally `role` (STUDENT if left out) and `created_at` (now if left
 * out). A user whose email is there already stays as it is; the row is bad if its name or role differs. Errors:
 * ImportError.
 */
export function importUsers(
  database: Database,
  source: Source,
  options: ImportOptions & FileOptions = {},
): Promise<ImportResult> {
  return runImport(
    database,
    {
      sources: [source],
      measured: source,
      blocks: () => readBlocks(source, userColumns, userAliases, options, userOf),
      write: (em, rows) => place(em, rows, new Map(), true),
      rehearsal() {
        const seen = new Map<string, KnownUser>();
        return (em, rows) => place(em, rows, seen, false);
      },
    },
    options,
  );
}

function userOf(
  { line, values }: FileRow<FileColumn<typeof userColumns>>,
  { file, now, dates }: RowContext,
): ImportedUser | BadRow {
  const { name, email } = values;
  const role = values.role === '' ? null : Object.values(Role).find(one => one === values.role.toLowerCase());
  const createdAt = values.created_at === '' ? now : dates.read(values.created_at);
  const bad = (code: BadRow['code'], message: string): BadRow => ({ file, line, code, message });
  if (role === undefined)
    return bad(
      'BAD_VALUE',
      `The role ${quotedCell(values.role)} is none of ${Object.values(Role).join(', ')}; --values says what it means.`,
    );
  if (!createdAt) return bad('BAD_DATE', `The moment ${quotedCell(values.created_at)} is not ${dates.expected}.`);
  const [problem] = userProblems({ name, email });
  return problem ? bad('BAD_VALUE', problem.message) : { file, line, name, email, role, createdAt };
}

type KnownUser = Pick<User, 'name' | 'email'> & { readonly role: Role };

async function place(
  em: SqlEntityManager,
  rows: readonly ImportedUser[],
  seen: Map<string, KnownUser>,
  isWritten: boolean,
): Promise<Placed> {
  const emails = new Set(rows.flatMap(({ email }) => [email, email.toLowerCase()]));
  const existing: KnownUser[] = await em
    .createQueryBuilder(User, 'u')
    .select(['name', 'email', 'role'])
    .where({ email: { $in: [...emails] } })
    .execute('all');
  // Emails differ in more than letter case, or the database keeps them apart.
  const known = new Map([...seen.values(), ...existing].map(user => [user.email.toLowerCase(), user]));
  const added: (ImportedUser & { readonly role: Role })[] = [];
  const bad: BadRow[] = [];
  for (const row of rows) {
    const { file, line, name, email, role } = row;
    const before = known.get(email.toLowerCase());
    if (before && (before.name !== name || (role !== null && before.role !== role)))
      bad.push({
        file,
        line,
        code: 'DIFFERENT',
        message: `The user ${quotedCell(before.email)} is there already, as the ${before.role} ${quotedCell(before.name)}. Change the file or the user.`,
      });
    if (before) continue;
    const user = { ...row, role: role ?? Role.STUDENT };
    known.set(email.toLowerCase(), user);
    if (!isWritten) seen.set(email.toLowerCase(), user);
    added.push(user);
  }
  const refused = isWritten && added.length > 0 ? await insert(em, added) : [];
  for (const { file, line, email } of refused)
    bad.push({
      file,
      line,
      code: 'DIFFERENT',
      message: `The email ${quotedCell(email)} equals that of another user for the database, which may compare without accents. Change the file or the user.`,
    });
  const made = added.length - refused.length;
  return { added: made, alreadyThere: rows.length - made - bad.length, bad };
}

/** Adds users, and returns those whose email the database takes for that of another user. */
async function insert<Row extends ImportedUser & { readonly role: Role }>(
  em: SqlEntityManager,
  users: readonly Row[],
): Promise<Row[]> {
  const updatedAt = new Date();
  // Another import may be making the same users.
  await em
    .createQueryBuilder(User)
    .insert(users.map(({ name, email, role, createdAt }) => ({ name, email, role, createdAt, updatedAt })))
    .onConflict('email')
    .ignore()
    .execute();
  const there = await usersBy(
    em,
    'email',
    users.map(({ email }) => email),
  );
  const emails = new Set(there.map(({ email }) => email));
  return users.filter(({ email }) => !emails.has(email));
}
