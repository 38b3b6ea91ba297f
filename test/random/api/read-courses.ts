import { isDeepStrictEqual } from 'node:util';
import type fc from 'fast-check';
import { EnrollmentStatus } from '../../../src/entities/index.js';
import type { CallerKind, ModelRun } from './model-run.js';
import { countsIn, enrollmentsIn, sees, type School } from './school.js';
import { isDeleted } from './expected.js';

const QUERY = `{ courses(first: 100) { totalCount nodes {
  id totalEnrollments activeEnrollments
  enrollmentsCount { count precision } inactive: enrollmentsCount(status: [COMPLETED, DROPPED, SUSPENDED], limit: 2) { count precision }
  enrollmentsByStatus { status count }
} } }`;

/** A command: a caller reads all courses, whose stored and computed counts must be those of the model. */
export class ReadCourses implements fc.AsyncCommand<ModelRun, ModelRun, true> {
  constructor(private readonly caller: readonly [CallerKind, number]) {}

  check(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async run(run: ModelRun): Promise<void> {
    const { text, viewer } = run.caller(...this.caller);
    run.log.write(`${text} looks at the courses`);
    const { data, errors } = await run.ask(viewer, QUERY);
    if (isDeleted(run.school, viewer)) {
      if (errors?.[0]?.extensions.code !== 'UNAUTHENTICATED')
        throw new Error(`it shows ${JSON.stringify(errors ?? data.courses)} to a deleted user, not UNAUTHENTICATED`);
      return;
    }
    const ids = [...run.school.courses.keys()].filter(id => sees(run.school, viewer, id)).toSorted((a, b) => a - b);
    const wanted = { totalCount: ids.length, nodes: ids.map(id => countsShown(run.school, id)) };
    if (!isDeepStrictEqual(data?.courses, wanted))
      throw new Error(`it shows ${JSON.stringify(errors ?? data.courses)}, not ${JSON.stringify(wanted)}`);
  }

  toString(): string {
    return 'look';
  }
}

function countsShown(school: School, id: number): object {
  const [totalEnrollments, activeEnrollments] = countsIn(school, id);
  const inactive = totalEnrollments - activeEnrollments;
  return {
    id: String(id),
    totalEnrollments,
    activeEnrollments,
    enrollmentsCount: { count: totalEnrollments, precision: 'EXACT' },
    inactive: inactive > 2 ? { count: 2, precision: 'AT_LEAST' } : { count: inactive, precision: 'EXACT' },
    enrollmentsByStatus: Object.values(EnrollmentStatus).map(status => ({
      status: status.toUpperCase(),
      count: enrollmentsIn(school, id).filter(one => one.status === status).length,
    })),
  };
}
