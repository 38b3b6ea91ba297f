import DataLoader from 'dataloader';
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
  readonly user: DataLoader<Key, UserRow | null>;
  /** Loads courses that are known to be visible, because something visible refers to them. */
  readonly course: DataLoader<Key, CourseRow | null>;
  readonly viewerEnrollment: DataLoader<Key, EnrollmentRow | null>;
  readonly countsByStatus: DataLoader<Key, Map<EnrollmentStatus, number>>;
  readonly run: DataLoader<number, Run | null>;
  readonly changeCount: DataLoader<number, number>;
  readonly changes: (page: PageRequest) => DataLoader<number, Page<RecordedChange>>;
  readonly count: (request: CountRequest) => DataLoader<Key, CountType>;
  /** Loads pages, and decides which of their rows are shown when their courses or students are. */
  readonly enrollments: (viewer: Viewer, list: EnrollmentList, parents: AskedParents) => DataLoader<Key, ShownPage>;
  readonly enrollmentCount: (
    viewer: Viewer,
    list: Pick<EnrollmentList, 'parent' | 'filter'>,
  ) => DataLoader<Key, number>;
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
  const counts = new Map<string, DataLoader<Key, CountType>>();
  const lists = new Map<string, DataLoader<Key, Page<EnrollmentRow>>>();
  const shownLists = new Map<string, DataLoader<Key, ShownPage>>();
  const listCounts = new Map<string, DataLoader<Key, number>>();
  const changes = new Map<string, DataLoader<number, Page<RecordedChange>>>();
  const hasOrphans = !reader.hasOnlyOurs(database);
  // Made when they are asked for: most requests need one or none.
  const single: Partial<Writable<Pick<Loaders, SingleName>>> = {};
  const joinedUsers = (): JoinedUsers => ({
    properties: selected(User),
    take: user => void loaders.user.prime(user.id, user),
  });
  const count = (request: CountRequest): DataLoader<Key, CountType> =>
    kept(
      counts,
      // Asked for each course of a page: a short name for the usual ones.
      request.status ? request : String(request.limit),
      () =>
        new DataLoader(async ids => (await reader.computedCounts(database, ids, request)).map(countOf), {
          maxBatchSize: MAX_STATEMENT_PARTS,
        }),
    );
  const loaders: Loaders = {
    get user() {
      return (single.user ??= new DataLoader(ids => reader.usersById(database, ids, selected(User))));
    },
    get course() {
      return (single.course ??= new DataLoader(ids => reader.coursesById(database, 'anyone', ids, selected(Course))));
    },
    get viewerEnrollment() {
      return (single.viewerEnrollment ??= new DataLoader(ids =>
        viewer?.userId == null
          ? Promise.resolve(ids.map(() => null))
          : reader.enrollmentsOf(database, viewer.userId, ids, selected(Enrollment)),
      ));
    },
    get countsByStatus() {
      return (single.countsByStatus ??= new DataLoader(ids => reader.computedCountsByStatus(database, ids)));
    },
    get run() {
      return (single.run ??= new DataLoader(ids => runsById(database, viewer, ids)));
    },
    get changeCount() {
      return (single.changeCount ??= new DataLoader(ids => changeCounts(database, viewer, ids)));
    },
    hasOrphans,
    joinedUsers,
    joinedCounts: limit => ({
      limit,
      take: (id, computed) => void count({ status: null, limit }).prime(id, countOf(computed)),
    }),
    count,
    changes: page =>
      kept(
        changes,
        page,
        () => new DataLoader(ids => changePages(database, viewer, ids, page), { maxBatchSize: MAX_STATEMENT_PARTS }),
      ),
    enrollments(known, list, parents) {
      const pages = kept(
        lists,
        { ...list, student: parents.student },
        () =>
          new DataLoader(
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
            { maxBatchSize: MAX_STATEMENT_PARTS },
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
        () => new DataLoader(ids => Promise.all(ids.map(shown)), { maxBatchSize: MAX_STATEMENT_PARTS }),
      );
    },
    enrollmentCount: (known, list) =>
      kept(
        listCounts,
        list,
        () => new DataLoader(ids => reader.enrollmentCounts(database, known, list.parent, ids, list.filter)),
      ),
    forget() {
      for (const loader of Object.values(single)) loader.clearAll();
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

function loadedAll<Row>(
  loader: DataLoader<Key, Row>,
  rows: readonly EnrollmentRow[],
  reference: 'courseId' | 'studentId',
): Promise<Row[]> {
  return Promise.all(rows.map(row => loader.load(row[reference])));
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
