import {
  helper,
  Reference,
  type AnyEntity,
  type ChangeSet,
  type EventSubscriber,
  type FlushEventArgs,
} from '@mikro-orm/core';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import type { Changes } from './expectation.js';
import { NO_COURSE, rowWith, type CoursePointer, type Rows } from './rows.js';
import type { FlushChanges } from './rules.js';
import { numberKey } from '../../support/keys.js';

/** A flush under way. */
export interface WatchedFlush extends FlushChanges {
  readonly em: FlushEventArgs['em'];
}

/** A listener to each flush of the watched entity managers. */
export interface Watcher {
  readonly rows: Rows;
  /** The courses whose stored counts somebody has assigned. */
  readonly assigned: WeakSet<object>;
  readonly began: (flush: WatchedFlush) => void;
  readonly ended: () => void;
}

/**
 * Tells a watcher what MikroORM is about to write, before the counters plan for it, and when it is written.
 *
 * The watcher checks the outcome; what an entity manager remembers, however stale or rolled back, is up to MikroORM.
 */
export class FlushWatch {
  watcher: Watcher | null = null;

  /** Listens before the counters do, which may reject the flush. */
  readonly first: EventSubscriber = {
    onFlush: ({ em, uow }) => {
      if (this.watcher) this.watcher.began({ em, ...flushChanges(uow.getChangeSets(), this.watcher) });
    },
  };

  /** Listens after them. */
  readonly last: EventSubscriber = { afterFlush: () => this.watcher?.ended() };
}

type AnyChangeSet = ChangeSet<AnyEntity>;

function flushChanges(changeSets: readonly AnyChangeSet[], { rows, assigned }: Watcher): FlushChanges {
  const enrollments = changeSets.filter(({ meta }) => meta.class === Enrollment);
  const counted = enrollments.filter(
    ({ type, payload }) => !type.startsWith('update') || 'course' in payload || 'status' in payload,
  );
  return {
    changes: changesOf(changeSets),
    counted: counted.filter(({ type }) => type !== 'create').map(({ entity }) => numberKey((entity as Enrollment).id)),
    known: knownCourses(counted, changeSets, rows),
    assigned: changeSets.some(
      ({ entity, payload }) =>
        assigned.has(entity) &&
        ['totalEnrollments', 'activeEnrollments'].some(name => name in payload && !isForgotten(entity, name)),
    ),
    writesEnrollments: enrollments.length > 0,
  };
}

function changesOf(changeSets: readonly AnyChangeSet[]): Changes {
  const of = (entity: unknown, ...types: string[]) =>
    changeSets.filter(({ meta, type }) => meta.class === entity && types.includes(type));
  return {
    creates: of(Enrollment, 'create').map(({ entity }) => {
      const { course, student, status = EnrollmentStatus.ACTIVE } = entity as Partial<Enrollment>;
      return {
        id: null,
        entity: entity as Enrollment,
        course: pointer(course) ?? NO_COURSE,
        student: numberKey(student?.id) ?? 0,
        status,
        empties: !course || !student,
      };
    }),
    updates: of(Enrollment, 'update', 'update_early').map(({ entity, payload }) => {
      const { id, course, student, status } = entity as Partial<Enrollment> & { id: number };
      return {
        id,
        ...('course' in payload && course && { course: pointer(course)! }),
        ...('student' in payload && student && { student: numberKey(student.id) }),
        ...('status' in payload && { status }),
        empties: ('course' in payload && !course) || ('student' in payload && !student),
      };
    }),
    deletes: of(Enrollment, 'delete').map(({ entity }) => numberKey((entity as Enrollment).id)),
    earlyDeletes: of(Enrollment, 'delete_early').map(({ entity }) => numberKey((entity as Enrollment).id)),
    newCourses: of(Course, 'create').map(({ entity }) => entity as Course),
    deletedCourses: of(Course, 'delete', 'delete_early').map(({ entity }) => numberKey((entity as Course).id)),
  };
}

/**
 * Returns whether MikroORM no longer knows what it had loaded, after a partial refresh: then an assignment looks like a
 * loaded value.
 */
function isForgotten(entity: object, property: string): boolean {
  const { __originalEntityData: snapshot, __loadedProperties: loaded } = helper(entity);
  return snapshot !== undefined && !(property in snapshot) && loaded.has(property);
}

/** Returns the courses that a flush knows, and can lock before it reads the rows. */
function knownCourses(
  counted: readonly AnyChangeSet[],
  changeSets: readonly AnyChangeSet[],
  rows: Rows,
): CoursePointer[] {
  const named = counted.flatMap(({ type, entity }) => {
    const enrollment = entity as Enrollment;
    if (type === 'create') return [pointer(enrollment.course)];
    const loaded = (helper(enrollment).__originalEntityData as { course?: number } | undefined)?.course;
    // The engine reads from the database what memory does not hold.
    const original = loaded ?? rowWith(rows, numberKey(enrollment.id))?.course;
    return type.startsWith('delete') ? [original] : [original, pointer(enrollment.course)];
  });
  const known = named.filter(course => course !== undefined);
  const written = changeSets
    .filter(({ meta, type }) => meta.class === Course && type !== 'create')
    .map(({ entity }) => numberKey((entity as Course).id));
  return known.some(course => typeof course === 'number') ? [...known, ...written] : known;
}

function pointer(course: Enrollment['course'] | undefined): CoursePointer | undefined {
  if (!course) return undefined;
  const entity = Reference.unwrapReference<Course>(course);
  return numberKey(entity.id) ?? entity;
}
