import type { Database } from '../../database/database.js';
import { Course, Enrollment, User, type EnrollmentStatus, type Key } from '../../entities/index.js';
import * as reader from '../../reading/index.js';
import type {
  CountRequest,
  CourseRow,
  EnrollmentFilter,
  EnrollmentParent,
  EnrollmentRow,
  EnrollmentOrdering,
  JoinedCounts,
  JoinedUsers,
  Page,
  PageRequest,
  UserRow,
} from '../../reading/index.js';
import { changeCounts, changePages, runsById, type RecordedChange, type Run } from '../../recounts/index.js';
import type { Viewer } from '../../access/viewer.js';
import { CountPrecision } from '../types/enums.js';
import type { CountType } from '../types/objects.js';
import { Loader } from './loader.js';
import type { SelectedProperties } from './selected-properties.js';

/** A list of enrollments under each of many parents. */
interface EnrollmentList {
  readonly parent: EnrollmentParent;
  readonly filter: EnrollmentFilter;
  readonly order: EnrollmentOrdering;
  readonly page: PageRequest;
}

/**
 * The most parents of one statement with a part for each: SQLite allows 500 (https://www.sqlite.org/limits.html).
 */
const MAX_STATEMENT_PARTS = 400;

/** The relations of enrollments that are selected. */
export interface AskedParents {
  readonly course: boolean;
  readonly student: boolean;
}

/** A page of enrollments, and those of them that still exist. */
interface ShownPage {
  readonly page: Page<EnrollmentRow>;
  readonly shown: readonly EnrollmentRow[];
}

/**
 * The loaders of one request: each kind of read is one statement for all objects, or for some hundreds of them.
 */
export interface Loaders {
  readonly user: Loader<Key, UserRow | null>;
  /** Loads courses that are known to be visible, because something visible refers to them. */
  readonly course: Loader<Key, CourseRow | null>;
  readonly viewerEnrollment: Loader<Key, EnrollmentRow | null>;
  readonly countsByStatus: Loader<Key, Map<EnrollmentStatus, number>>;
  readonly run: Loader<number, Run | null>;
  readonly changeCount: Loader<number, number>;
  readonly changes: (page: PageRequest) => Loader<number, Page<RecordedChange>>;
  readonly count: (request: CountRequest) => Loader<Key, CountType>;
  /** Returns a count that was computed together with a page of courses; undefined: it was not. */
  readonly readyCount: (courseId: Key, request: CountRequest) => CountType | undefined;
  /** Loads pages, and decides which of their rows are shown when their courses or students are. */
  readonly enrollments: (viewer: Viewer, list: EnrollmentList, parents: AskedParents) => Loader<Key, ShownPage>;
  readonly enrollmentCount: (viewer: Viewer, list: Pick<EnrollmentList, 'parent' | 'filter'>) => Loader<Key, number>;
  /** Whether an enrollment can lack its course or student, as in another application's database without foreign keys. */
  readonly hasOrphans: boolean;
  /** Returns what gives the loader of users those who are read together with other rows. */
  readonly joinedUsers: () => JoinedUsers;
  /** Returns what gives the loader of counts those of all statuses that are computed together with a page of courses. */
  readonly joinedCounts: (limit: CountRequest['limit']) => JoinedCounts;
  /** Clears all loaders: after a mutation, the same request must read again. */
  readonly forget: () => void;
}

/** The loaders of which a request has one of each. */
type SingleName = 'user' | 'course' | 'viewerEnrollment' | 'countsByStatus' | 'run' | 'changeCount';

type Writable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

/** Creates the loaders of one request, which read the selected properties. */
export function loadersFor(database: Database, viewer: Viewer | null, selected: SelectedProperties): Loaders {
  // Lists and counts differ by their arguments, so there is one loader for each set of them.
  const counts = new Map<string, Loader<Key, CountType>>();
  const lists = new Map<string, Loader<Key, Page<EnrollmentRow>>>();
  const shownLists = new Map<string, Loader<Key, ShownPage>>();
  const listCounts = new Map<string, Loader<Key, number>>();
  const changes = new Map<string, Loader<number, Page<RecordedChange>>>();
  const hasOrphans = !reader.hasOnlyOurs(database);
  // Made when they are asked for: most requests need one or none.
  const single: Partial<Writable<Pick<Loaders, SingleName>>> = {};
  const joinedUsers = (): JoinedUsers => ({
    properties: selected(User),
    take: user => loaders.user.take(user.id, user),
  });
  const count = (request: CountRequest): Loader<Key, CountType> =>
    kept(
      counts,
      // Asked for each course of a page: a short name for the usual ones.
      request.status ? request : String(request.limit),
      () =>
        new Loader(
          async ids => (await reader.computedCounts(database, ids, request)).map(countOf),
          MAX_STATEMENT_PARTS,
        ),
    );
  const loaders: Loaders = {
    get user() {
      return (single.user ??= new Loader(ids => reader.usersById(database, ids, selected(User))));
    },
    get course() {
      return (single.course ??= new Loader(ids => reader.coursesById(database, 'anyone', ids, selected(Course))));
    },
    get viewerEnrollment() {
      return (single.viewerEnrollment ??= new Loader(ids =>
        viewer?.userId == null
          ? Promise.resolve(ids.map(() => null))
          : reader.enrollmentsOf(database, viewer.userId, ids, selected(Enrollment)),
      ));
    },
    get countsByStatus() {
      return (single.countsByStatus ??= new Loader(ids => reader.computedCountsByStatus(database, ids)));
    },
    get run() {
      return (single.run ??= new Loader(ids => runsById(database, viewer, ids)));
    },
    get changeCount() {
      return (single.changeCount ??= new Loader(ids => changeCounts(database, viewer, ids)));
    },
    hasOrphans,
    joinedUsers,
    joinedCounts: limit => {
      const joined = count({ status: null, limit });
      return { limit, take: (id, computed) => joined.take(id, countOf(computed)) };
    },
    count,
    readyCount: (id, { status, limit }) => (status ? undefined : counts.get(String(limit))?.ready(id)),
    changes: page =>
      kept(changes, page, () => new Loader(ids => changePages(database, viewer, ids, page), MAX_STATEMENT_PARTS)),
    enrollments(known, list, parents) {
      const pages = kept(
        lists,
        { ...list, student: parents.student },
        () =>
          new Loader(
            ids =>
              reader.enrollmentPages(
                database,
                known,
                list.parent,
                ids,
                list.filter,
                list.order,
                list.page,
                selected(Enrollment),
                parents.student ? joinedUsers() : undefined,
              ),
            MAX_STATEMENT_PARTS,
          ),
      );
      const shown = async (id: Key): Promise<ShownPage> => {
        const page = await pages.load(id);
        return { page, shown: await leavingOutGone(loaders, page.rows, parents) };
      };
      // All at once, so that the next reads are one batch again: an empty page is ready sooner than one of which more
      // is read.
      return kept(
        shownLists,
        { ...list, parents },
        () => new Loader(ids => Promise.all(ids.map(shown)), MAX_STATEMENT_PARTS),
      );
    },
    enrollmentCount: (known, list) =>
      kept(
        listCounts,
        list,
        () => new Loader(ids => reader.enrollmentCounts(database, known, list.parent, ids, list.filter)),
      ),
    forget() {
      for (const loader of Object.values(single)) loader.clear();
      for (const map of [counts, lists, shownLists, listCounts, changes]) map.clear();
    },
  };
  return loaders;
}

/**
 * Returns the enrollments whose courses and students, if they are selected, still exist; the others were deleted with
 * them, except where an enrollment can lack them.
 */
export async function leavingOutGone(
  loaders: Pick<Loaders, 'course' | 'user' | 'hasOrphans'>,
  rows: readonly EnrollmentRow[],
  asked: AskedParents,
): Promise<readonly EnrollmentRow[]> {
  const [courses, students] = await Promise.all([
    asked.course ? loadedAll(loaders.course, rows, 'courseId') : null,
    asked.student ? loadedAll(loaders.user, rows, 'studentId') : null,
  ]);
  if (loaders.hasOrphans) return rows;
  return rows.filter((_, index) => courses?.[index] !== null && students?.[index] !== null);
}

/** Returns what a relation of rows refers to, at once if all of it has come already. */
function loadedAll<Row extends object | null>(
  loader: Loader<Key, Row>,
  rows: readonly EnrollmentRow[],
  reference: 'courseId' | 'studentId',
): Row[] | Promise<Row[]> {
  const ready = rows.map(row => loader.ready(row[reference]));
  return isComplete(ready) ? ready : Promise.all(rows.map(row => loader.load(row[reference])));
}

function isComplete<Value>(values: (Value | undefined)[]): values is Value[] {
  return !values.includes(undefined);
}

function countOf({ count, exact }: reader.ComputedCount): CountType {
  return { count, precision: exact ? CountPrecision.EXACT : CountPrecision.AT_LEAST };
}

function kept<Value>(map: Map<string, Value>, key: object | string, make: () => Value): Value {
  const name = typeof key === 'string' ? key : JSON.stringify(key);
  const value = map.get(name) ?? make();
  map.set(name, value);
  return value;
}
