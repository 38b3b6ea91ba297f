import type { SqlEntityManager } from '@mikro-orm/sql';
import { verify, type VerifiedChunk } from 'mikro-orm-counters';
import type { Database } from '../../database/database.js';
import { keyOrder } from '../../database/mapped/key-forms.js';
import { countOf, Course, type Key } from '../../entities/index.js';
import { titlesOf } from '../../recounts/titles.js';
import type { BackupHeader, BackupRow } from './backup-format.js';

/** The most ids that are named of many. */
const MAX_NAMED_IDS = 10;

/** A number of courses, and the ids of the first of them. */
export interface SomeIds {
  readonly count: number;
  readonly first: readonly Key[];
}

/** A stored count that a restore changes: the stored count, that of the backup, and the actual one. */
export interface CountToRestore {
  readonly courseId: Key;
  readonly title: string;
  readonly counter: string;
  readonly stored: number;
  readonly backup: number;
  readonly actual: number;
}

/** What restoring a backup would do at this moment. */
export interface BackupComparison {
  /** Counts the courses that the backup and the database have. */
  readonly common: number;
  readonly changes: number;
  readonly changedCourses: number;
  /** Counts those of the common courses' counts that would not match their rows. */
  readonly drifting: number;
  /** The courses of the backup that the database does not have. */
  readonly unknown: SomeIds;
  /** The courses of the database that the backup does not have. */
  readonly missing: SomeIds;
}

/** Compares the rows of a backup with the database, course by course in the order of the ids, and changes nothing. */
export async function compareBackup(
  database: Database,
  { counters }: BackupHeader,
  rows: AsyncGenerator<BackupRow, void>,
  onChanges: (changes: readonly CountToRestore[]) => void,
): Promise<BackupComparison> {
  const em = database.em.fork() as SqlEntityManager;
  const compare = keyOrder(database, 'courses');
  const [unknown, missing] = [new FirstIds(), new FirstIds()];
  let [common, changes, changedCourses, drifting] = [0, 0, 0, 0];
  let next = await rows.next();
  for await (const chunk of verify(em, Course, { all: true })) {
    const found: CountToRestore[] = [];
    for (const [courseId, counts] of countsByCourse(chunk, compare)) {
      for (; !next.done && compare(next.value.id, courseId) < 0; next = await rows.next()) unknown.add(next.value.id);
      if (next.done || compare(next.value.id, courseId) > 0) {
        missing.add(courseId);
        continue;
      }
      const backup = next.value.counts;
      const compared = counts.map(({ counter, stored, actual }) => ({
        courseId,
        title: '',
        counter,
        stored: countOf(stored),
        actual: countOf(actual),
        backup: backup[counters.indexOf(counter)]!,
      }));
      const changed = compared.filter(one => one.stored !== one.backup);
      common += 1;
      changes += changed.length;
      changedCourses += changed.length > 0 ? 1 : 0;
      drifting += compared.filter(one => one.backup !== one.actual).length;
      found.push(...changed);
      next = await rows.next();
    }
    const titles = await titlesOf(em, [...new Set(found.map(({ courseId }) => courseId))]);
    onChanges(found.map(one => ({ ...one, title: titles.get(one.courseId) ?? '' })));
  }
  for (; !next.done; next = await rows.next()) unknown.add(next.value.id);
  return { common, changes, changedCourses, drifting, unknown, missing };
}

/** Returns the counts of a chunk by course, in ascending order. */
function countsByCourse(
  { counts }: VerifiedChunk,
  compare: (one: Key, other: Key) => number,
): [Key, VerifiedChunk['counts']][] {
  return [...Map.groupBy(counts, ({ key }) => key[0] as Key)].toSorted(([a], [b]) => compare(a, b));
}

class FirstIds implements SomeIds {
  readonly first: Key[] = [];
  count = 0;

  add(id: Key): void {
    this.count += 1;
    if (this.first.length < MAX_NAMED_IDS) this.first.push(id);
  }
}
