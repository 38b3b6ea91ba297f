import { LockMode, type EntityClass, type FilterQuery } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Viewer } from '../../access/viewer.js';
import type { Database } from '../../database/database.js';
import {
  counters,
  Course,
  CourseStatus,
  Enrollment,
  EnrollmentStatus,
  Role,
  shownKey,
  User,
  type Key,
} from '../../entities/index.js';
import { verifyCounts, type CourseCount } from '../../recounts/verify-counts.js';
import { databaseWithin } from '../../transactions/open-transaction.js';
import { createCourse, deleteCourse, updateCourse, type CourseInput } from '../../use-cases/courses.js';
import { enroll, enrollMany, setEnrollmentStatus, transferEnrollment, unenroll } from '../../use-cases/enrollments.js';
import type { Outcome } from '../../use-cases/outcome.js';
import { createUser, deleteUser } from '../../use-cases/users.js';
import { CommandError } from '../failures/command-error.js';
import { tell } from '../output/terminal.js';
import { onlyFields, givenId, givenChoice, type Given } from './given.js';
import { Refusal } from './refusal.js';
import type { Session } from './session.js';
import { sessionManager } from './session-manager.js';

/** A course as its counts are told. */
interface Counted {
  readonly title: string;
  readonly counts: readonly number[];
}

/** The stored counts of a course, by the names of their properties. */
const countNames = counters.map(({ into }) => into) as (keyof Course)[];

/** A name of the shell, and what it is for. */
export interface ShellName {
  readonly value: unknown;
  /** The way in which it is used; itself if left out. */
  readonly form?: string;
  readonly meaning: string;
}

/** The names that the lines of a session can use. */
export class ShellNames {
  /** The database whose use cases work in the transaction of the session. */
  readonly #database: Database;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(
    private readonly session: Session,
    database: Database,
    private readonly viewer: Viewer,
  ) {
    this.#database = databaseWithin(database, session.em);
  }

  /** Returns the names, in the order in which help lists them. */
  all(): ReadonlyMap<string, ShellName> {
    const call = <Parameters extends unknown[], Result>(work: (...given: Parameters) => Promise<Result>) => {
      return (...given: Parameters): Promise<Result> => this.#awaited(() => work(...given));
    };
    const names: [string, ShellName][] = [
      [
        'enroll',
        {
          value: call(this.#enroll),
          form: 'await enroll(course, student)',
          meaning: 'enrolls; returns the Enrollment',
        },
      ],
      [
        'enrollMany',
        {
          value: call(this.#enrollMany),
          form: 'await enrollMany(course, [student, …])',
          meaning: 'enrolls several; returns the Enrollments',
        },
      ],
      [
        'unenroll',
        { value: call(this.#unenroll), form: 'await unenroll(enrollment)', meaning: 'deletes an enrollment' },
      ],
      [
        'setEnrollmentStatus',
        {
          value: call(this.#setStatus),
          form: "await setEnrollmentStatus(enrollment, 'dropped')",
          meaning: 'changes its status',
        },
      ],
      [
        'transferEnrollment',
        {
          value: call(this.#transfer),
          form: 'await transferEnrollment(enrollment, course)',
          meaning: 'moves it to another course',
        },
      ],
      [
        'createCourse',
        {
          value: call(this.#createCourse),
          form: "await createCourse({ title: 'Algebra' })",
          meaning: `with ${COURSE_FIELDS.join(', ')}`,
        },
      ],
      [
        'updateCourse',
        {
          value: call(this.#updateCourse),
          form: 'await updateCourse(course, { capacity: 30 })',
          meaning: 'changes a course',
        },
      ],
      [
        'deleteCourse',
        {
          value: call(this.#deleteCourse),
          form: 'await deleteCourse(course)',
          meaning: 'deletes it with its enrollments',
        },
      ],
      [
        'createUser',
        {
          value: call(this.#createUser),
          form: "await createUser({ name: 'Ada', email: 'ada@example.org' })",
          meaning: `with ${USER_FIELDS.join(', ')}`,
        },
      ],
      [
        'deleteUser',
        {
          value: call(this.#deleteUser),
          form: 'await deleteUser(user)',
          meaning: 'deletes the user with all enrollments',
        },
      ],
      [
        'first',
        {
          value: call(this.#first),
          form: "await first(User, { role: 'student' })",
          meaning: 'the one with the lowest id, or null',
        },
      ],
      ['refresh', { value: call(this.#refresh), form: 'await refresh(course)', meaning: 'reads an entity again' }],
      [
        'counts',
        { value: call(this.#counts), form: 'await counts(course)', meaning: 'the stored and the actual counts' },
      ],
      [
        'verify',
        {
          value: call(this.#verify),
          form: 'await verify()',
          meaning: 'the counts that do not match, of all courses or of verify([1, 2])',
        },
      ],
      [
        'em',
        {
          value: sessionManager(this.session),
          form: 'await em.find(Course, { capacity: 30 })',
          meaning: "MikroORM's entity manager; em.create, em.remove and await em.flush() write",
        },
      ],
      ['Course', { value: Course, meaning: 'entities' }],
      ['Enrollment', { value: Enrollment, meaning: 'entities' }],
      ['User', { value: User, meaning: 'entities' }],
      ['CourseStatus', { value: CourseStatus, meaning: Object.values(CourseStatus).join(', ') }],
      ['EnrollmentStatus', { value: EnrollmentStatus, meaning: Object.values(EnrollmentStatus).join(', ') }],
      ['Role', { value: Role, meaning: Object.values(Role).join(', ') }],
    ];
    return new Map(names);
  }

  /** Resolves when all that the line has begun is done, awaited or not. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  async #awaited<Result>(work: () => Promise<Result>): Promise<Result> {
    this.session.requireTransaction();
    // After the code that calls this, which Ctrl+C may end anywhere.
    const result = Promise.resolve().then(work);
    const remove = (): void => void this.#pending.delete(result);
    result.then(remove, remove);
    this.#pending.add(result);
    try {
      return await result;
    } catch (error) {
      this.session.noteError(error);
      throw error;
    }
  }

  readonly #enroll = async (course: Given, student?: Given): Promise<Enrollment> => {
    const courseId = givenId(this.#database, 'courses', course);
    const studentId = student === undefined ? null : givenId(this.#database, 'users', student);
    const { enrollment } = await this.#counted([courseId], () =>
      enroll(this.#database, this.viewer, { courseId, studentId }),
    );
    return this.#read(Enrollment, enrollment.id);
  };

  readonly #enrollMany = async (course: Given, students: readonly Given[]): Promise<Enrollment[]> => {
    const courseId = givenId(this.#database, 'courses', course);
    if (!Array.isArray(students)) throw new CommandError('Give the students as a list, such as [7, 8].');
    const studentIds = students.map(student => givenId(this.#database, 'users', student as Given));
    const { ids } = await this.#counted([courseId], () =>
      enrollMany(this.#database, this.viewer, { courseId, studentIds }),
    );
    return this.#em.find(Enrollment, { id: { $in: ids } }, { orderBy: { id: 'asc' }, refresh: true });
  };

  readonly #unenroll = async (enrollment: Given): Promise<void> => {
    const enrollmentId = givenId(this.#database, 'enrollments', enrollment);
    await this.#counted(await this.#coursesOf({ id: enrollmentId }), () =>
      unenroll(this.#database, this.viewer, { enrollmentId }),
    );
  };

  readonly #setStatus = async (enrollment: Given, status: EnrollmentStatus): Promise<Enrollment> => {
    const enrollmentId = givenId(this.#database, 'enrollments', enrollment);
    await this.#counted(await this.#coursesOf({ id: enrollmentId }), () =>
      setEnrollmentStatus(this.#database, this.viewer, { enrollmentId, status: givenChoice(EnrollmentStatus, status) }),
    );
    return this.#read(Enrollment, enrollmentId);
  };

  readonly #transfer = async (enrollment: Given, course: Given): Promise<Enrollment> => {
    const [enrollmentId, courseId] = [
      givenId(this.#database, 'enrollments', enrollment),
      givenId(this.#database, 'courses', course),
    ];
    await this.#counted([...(await this.#coursesOf({ id: enrollmentId })), courseId], () =>
      transferEnrollment(this.#database, this.viewer, { enrollmentId, courseId }),
    );
    return this.#read(Enrollment, enrollmentId);
  };

  readonly #createCourse = async (input: CourseInput): Promise<Course> => {
    const { id } = await this.#changed(() => createCourse(this.#database, this.viewer, courseInput(input)));
    return this.#read(Course, id);
  };

  readonly #updateCourse = async (course: Given, input: CourseInput): Promise<Course> => {
    const id = givenId(this.#database, 'courses', course);
    await this.#changed(() => updateCourse(this.#database, this.viewer, { ...courseInput(input), id }));
    return this.#read(Course, id);
  };

  readonly #deleteCourse = async (course: Given): Promise<void> => {
    const id = givenId(this.#database, 'courses', course);
    await this.#changed(() => deleteCourse(this.#database, this.viewer, { id }));
  };

  readonly #createUser = async (input: { name: string; email: string; role?: Role }): Promise<User> => {
    const given = onlyFields(input, USER_FIELDS);
    const role = input.role === undefined ? {} : { role: givenChoice(Role, input.role) };
    const { id } = await this.#changed(() => createUser(this.#database, this.viewer, { ...given, ...role }));
    return this.#read(User, id);
  };

  readonly #deleteUser = async (user: Given): Promise<void> => {
    const id = givenId(this.#database, 'users', user);
    await this.#counted(await this.#coursesOf({ student: id }), () => deleteUser(this.#database, this.viewer, { id }));
  };

  readonly #first = async <Entity extends { id: Key }>(
    entity: EntityClass<Entity>,
    where: FilterQuery<Entity> = {},
  ): Promise<Entity | null> => {
    const orderBy = { id: 'asc' } as never;
    const [found] = await this.#em.find(entity, where, { limit: 1, orderBy, refresh: true });
    return (found as Entity | undefined) ?? null;
  };

  readonly #refresh = async <Entity extends object>(entity: Entity): Promise<Entity> => this.#em.refreshOrFail(entity);

  readonly #counts = async (course: Given): Promise<Record<string, { stored: number; actual: number }>> => {
    const counts = await this.#verified([givenId(this.#database, 'courses', course)], true);
    return Object.fromEntries(
      counts.map(({ counter, stored, actual }) => [counter.slice(counter.indexOf('.') + 1), { stored, actual }]),
    );
  };

  readonly #verify = async (courses?: readonly Given[]): Promise<readonly CourseCount[]> => {
    const found = await this.#verified(
      courses?.map(course => givenId(this.#database, 'courses', course)) ?? null,
      false,
    );
    if (found.length === 0) tell('All counts match.\n');
    return found;
  };

  get #em(): SqlEntityManager {
    return this.session.em;
  }

  #read<Entity extends { id: Key }>(entity: EntityClass<Entity>, id: Key): Promise<Entity> {
    return this.#em.findOneOrFail(entity, { id } as FilterQuery<Entity>, { refresh: true }) as Promise<Entity>;
  }

  async #verified(courseIds: readonly Key[] | null, all: boolean): Promise<CourseCount[]> {
    const { chunks } = resultOf(await verifyCounts(this.#database, this.viewer, { courseIds, all }));
    const found: CourseCount[] = [];
    for await (const { counts } of chunks) found.push(...counts);
    return found;
  }

  /** Makes a change. Errors: Refusal. */
  async #changed<Value>(work: () => Promise<Outcome<Value>>): Promise<Value> {
    this.session.noteChange();
    return resultOf(await work());
  }

  /** Makes a change of enrollments, and tells what became of the counts of their courses, which it locks first. */
  async #counted<Value>(courseIds: readonly Key[], work: () => Promise<Outcome<Value>>): Promise<Value> {
    this.session.noteChange();
    const before = await this.#storedCounts(courseIds);
    const value = resultOf(await work());
    const after = await this.#storedCounts(courseIds);
    for (const [id, { title, counts }] of after) {
      const moves = countNames.map((name, index) => `${name} ${before.get(id)?.counts[index]} → ${counts[index]}`);
      tell(`Course ${shownKey(id)} "${title}": ${moves.join(', ')}\n`);
    }
    return value;
  }

  async #storedCounts(ids: readonly Key[]): Promise<Map<Key, Counted>> {
    const courses = await this.#em
      .fork()
      .find(
        Course,
        { id: { $in: [...new Set(ids)] } },
        { orderBy: { id: 'asc' }, lockMode: LockMode.PESSIMISTIC_WRITE },
      );
    return new Map(
      courses.map(course => [
        course.id,
        { title: course.title, counts: countNames.map(name => course[name] as number) },
      ]),
    );
  }

  async #coursesOf(where: FilterQuery<Enrollment>): Promise<Key[]> {
    const found = await this.#em.fork().find(Enrollment, where, { fields: ['course'] });
    return found.map(({ course }) => course.id);
  }
}

/** The fields of a course that a line can give. */
const COURSE_FIELDS = ['title', 'description', 'status', 'isPublished', 'capacity', 'instructorId'] as const;
/** The fields of a user that a line can give. */
const USER_FIELDS = ['name', 'email', 'role'] as const;

function courseInput(input: CourseInput): CourseInput {
  const fields = onlyFields(input, COURSE_FIELDS);
  return input.status == null ? fields : { ...fields, status: givenChoice(CourseStatus, input.status) };
}

/** Returns the result of a use case. Errors: Refusal; problems of a part are told. */
function resultOf<Value>({ value, problems }: Outcome<Value>): Value {
  if (value === null) throw new Refusal(problems);
  for (const { code, message } of problems) tell(`${code}: ${message}\n`);
  return value;
}
