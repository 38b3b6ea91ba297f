import { keyFormOf } from '../../database/mapped/key-forms.js';
import { keyIn, shownKey, type Key, type KeyForm } from '../../entities/index.js';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { quotedCell, type BadRow } from './bad-row.js';
import { coursesBy, usersBy } from './lookups.js';

/** What a file calls a course or a user: a text that is looked up. */
export interface Reference {
  readonly text: string;
}

/** The same, which may also be an id. */
interface NamedReference extends Reference {
  /** Null: the text can be no id. */
  readonly id: Key | null;
}

/** What references are compared with. */
export interface Matching {
  /** A user's id or email, or either, as the text looks. */
  readonly users?: 'id' | 'email' | undefined;
  /** A course's id or title, or either; a text that can mean two courses means none. */
  readonly courses?: 'id' | 'title' | undefined;
  /** Our ids, emails or titles for what the file calls courses and users; what is not in it is unknown. */
  readonly courseNames?: NameTable | undefined;
  readonly userNames?: NameTable | undefined;
}

/** A table of names: what another system calls something, and what we call it. */
export interface NameTable {
  readonly file: string;
  readonly names: ReadonlyMap<string, string>;
}

/** The id that a reference means, or why it means none. */
export type ResolvedReference = Key | Pick<BadRow, 'code' | 'message'>;

/** Returns a text as a reference. */
export function referenceOf(text: string): Reference {
  return { text };
}

/** Returns the id that a text can be, by what the ids are; null: it can be none. */
function idIn(text: string, form: KeyForm): Key | null {
  if (form !== 'number') return keyIn(text, form);
  // Longer numbers are no ids: JavaScript would round them to one that somebody else has.
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Returns a function that finds the course of each of some references. */
export async function foundCourses(
  em: SqlEntityManager,
  references: readonly Reference[],
  { courses: by, courseNames }: Matching,
): Promise<(reference: Reference) => ResolvedReference> {
  const named = translated(references, courseNames, keyFormOf(em, 'courses'));
  const existing = new Set(by === 'title' ? [] : (await coursesBy(em, 'id', idsIn(named.all))).map(({ id }) => id));
  const byTitle = Map.groupBy(
    by === 'id' ? [] : await coursesBy(em, 'title', [...new Set(named.all.map(({ text }) => text))]),
    ({ title }) => title,
  );
  return reference => {
    const ours = named.of(reference);
    if (!ours) return unknown('COURSE', reference, courseNames!);
    const { id, text } = ours;
    // A course may be called by a number, and another one have it for its id.
    const [course, ...others] = new Set([
      ...(id !== null && existing.has(id) ? [id] : []),
      ...(byTitle.get(text) ?? []).map(one => one.id),
    ]);
    if (course === undefined)
      return { code: 'UNKNOWN_COURSE', message: `There is no course ${nameOf(ours, by === 'title')}.` };
    if (others.length > 0) return { code: 'AMBIGUOUS_COURSE', message: ambiguous(ours, [course, ...others]) };
    return course;
  };
}

/** Returns a function that finds the user of each of some references. */
export async function foundUsers(
  em: SqlEntityManager,
  references: readonly Reference[],
  { users: by, userNames }: Matching,
  role: 'student' | 'instructor' = 'student',
): Promise<(reference: Reference) => ResolvedReference> {
  const what = role === 'student' ? 'STUDENT' : 'INSTRUCTOR';
  const named = translated(references, userNames, keyFormOf(em, 'users'));
  const existing = new Set(by === 'email' ? [] : (await usersBy(em, 'id', idsIn(named.all))).map(({ id }) => id));
  const emails = new Set(named.all.flatMap(({ text }) => (text.includes('@') ? [text, text.toLowerCase()] : [])));
  const byEmail = Map.groupBy(by === 'id' ? [] : await usersBy(em, 'email', [...emails]), ({ email }) => email);
  return reference => {
    const ours = named.of(reference);
    if (!ours) return unknown(what, reference, userNames!);
    const { id, text } = ours;
    if (id !== null && by !== 'email')
      return existing.has(id) ? id : { code: `UNKNOWN_${what}`, message: `There is no user ${nameOf(ours)}.` };
    if (by === 'id' || !text.includes('@'))
      return {
        code: `UNKNOWN_${what}`,
        message: `The ${role} ${quotedCell(text)} is ${{ id: "not a user's id", email: 'not an email', either: "neither a user's id nor an email" }[by ?? 'either']}.`,
      };
    const [user, ...namesakes] = byEmail.get(text) ?? byEmail.get(text.toLowerCase()) ?? [];
    if (!user) return { code: `UNKNOWN_${what}`, message: `There is no user ${nameOf(ours)}.` };
    if (namesakes.length > 0)
      return {
        code: `AMBIGUOUS_${what}`,
        message: `${namesakes.length + 1} users have the email ${nameOf(ours)} (ids ${[user, ...namesakes].map(one => shownKey(one.id)).join(', ')}); give the id of one.`,
      };
    return user.id;
  };
}

function translated(
  references: readonly Reference[],
  table: NameTable | undefined,
  form: KeyForm,
): { all: readonly NamedReference[]; of: (reference: Reference) => NamedReference | null } {
  const of = ({ text }: Reference): NamedReference | null => {
    const ours = table ? table.names.get(text) : text;
    return ours === undefined ? null : { text: ours, id: idIn(ours, form) };
  };
  return { all: references.map(of).filter(one => one !== null), of };
}

function unknown(
  what: 'COURSE' | 'STUDENT' | 'INSTRUCTOR',
  { text }: Reference,
  { file }: NameTable,
): Exclude<ResolvedReference, Key> {
  return { code: `UNKNOWN_${what}`, message: `${file} has no ${quotedCell(text)}.` };
}

function idsIn(references: readonly NamedReference[]): Key[] {
  return [...new Set(references.flatMap(({ id }) => (id === null ? [] : [id])))];
}

/** Returns why a text can mean more than one course. */
function ambiguous({ id, text }: NamedReference, courses: readonly Key[]): string {
  if (id === null || !courses.includes(id))
    return `${courses.length} courses are called ${quotedCell(text)}; give the id of one.`;
  return `${quotedCell(text)} is the id of one course, and another is called so (id ${courses
    .filter(course => course !== id)
    .map(shownKey)
    .join(', ')}); give that id, or say by --match-courses which of both the file has.`;
}

function nameOf({ id, text }: NamedReference, isName = false): string {
  return id === null || isName ? quotedCell(text) : `with the id ${shownKey(id)}`;
}
