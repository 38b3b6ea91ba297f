import {
  getNamedType,
  isObjectType,
  Kind,
  parse,
  valueFromASTUntyped,
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import type { Viewer } from '../../../src/access/viewer.js';
import { maySeeCourse, maySeeEmail, maySeeEnrollment, maySeeUser, type Facts } from './rules.js';
import { numberKey } from '../../support/keys.js';

type Shown = Record<string, unknown>;
/** The basis on which an answer is judged. */
interface Place {
  readonly facts: Facts;
  readonly viewer: Viewer | null;
  readonly refused: readonly string[];
  readonly fail: (what: string) => void;
}

/**
 * Returns the mistakes in an answer: what the viewer may not see, or what differs from the rows; `refused` lists the
 * paths of its errors.
 */
export function mistakesIn(
  schema: GraphQLSchema,
  text: string,
  data: Shown,
  viewer: Viewer | null,
  facts: Facts,
  refused: readonly string[] = [],
): string[] {
  const found: string[] = [];
  const place: Place = { facts, viewer, refused, fail: what => found.push(what) };
  const [operation] = parse(text).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('The text holds no operation.');
  const root = operation.operation === 'query' ? schema.getQueryType()! : schema.getMutationType()!;
  walk(root, operation.selectionSet, data, place, '');
  const answer = JSON.stringify(data);
  for (const secret of secretsFrom(viewer, facts))
    if (answer.includes(secret)) found.push(`the answer holds "${secret}"`);
  return found;
}

/**
 * Returns every text that no answer to this viewer may contain: titles and descriptions of hidden courses, emails of
 * others, names of hidden users.
 */
export function secretsFrom(viewer: Viewer | null, facts: Facts): string[] {
  const hidden = [...facts.courses.values()].filter(course => !maySeeCourse(viewer, course, facts));
  const users = [...facts.users.values()];
  const marked = [
    ...hidden.flatMap(({ title, description }) => [title, ...(description ? [description] : [])]),
    ...users.filter(({ id }) => !maySeeEmail(viewer, Number(id))).map(({ email }) => email),
    ...users.filter(({ id }) => !maySeeUser(viewer, Number(id), facts)).map(({ name }) => name),
  ];
  // Unique texts; others are found by the objects that hold them.
  return marked.filter(text => /-\d+-o[fn]/.test(text));
}

function walk(
  type: GraphQLObjectType,
  { selections }: SelectionSetNode,
  value: Shown,
  place: Place,
  path: string,
): void {
  judge(type.name, value, place);
  for (const node of selections) {
    if (node.kind !== Kind.FIELD || node.name.value.startsWith('__')) continue;
    const field = type.getFields()[node.name.value]!;
    const part = value[node.name.value];
    const here = path === '' ? node.name.value : `${path}.${node.name.value}`;
    // A field is null if it was rejected, or a field below it.
    if (!(part == null && place.refused.some(one => one === here || one.startsWith(`${here}.`))))
      judgeField(type.name, node, value, part, place);
    const named = getNamedType(field.type);
    if (!isObjectType(named) || !node.selectionSet) continue;
    const parts = Array.isArray(part)
      ? part.map((one, index) => [one, `${here}.${index}`] as const)
      : [[part, here] as const];
    for (const [one, at] of parts) if (one != null) walk(named, node.selectionSet, one as Shown, place, at);
  }
}

/**
 * Types without an id whose objects contain nothing that could be hidden: lists, counts, payloads and what
 * only admins reach.
 */
const TRANSPARENT =
  /^(?:Query|Mutation|.*Connection|.*Edge|PageInfo|.*Payload|UserError|Count|EnrollmentStatusCount|RecountRun|RecountChange|Drift)$/;

function judge(type: string, value: Shown, { facts, viewer, fail }: Place): void {
  const id = Number(value['id']);
  if (type === 'Course') {
    const row = facts.courses.get(id);
    if (!row) return fail(`course ${id} is not there`);
    if (!maySeeCourse(viewer, row, facts)) fail(`course ${id} is hidden`);
    same(
      value,
      {
        title: row.title,
        description: row.description,
        status: row.status.toUpperCase(),
        isPublished: Boolean(Number(row.is_published)),
        capacity: row.capacity,
        totalEnrollments: row.total_enrollments,
        activeEnrollments: row.active_enrollments,
      },
      `course ${id}`,
      fail,
    );
  } else if (type === 'Enrollment') {
    const row = facts.enrollments.get(id);
    if (!row) return fail(`enrollment ${id} is not there`);
    if (!maySeeEnrollment(viewer, row, facts)) fail(`enrollment ${id} is hidden`);
    same(value, { status: row.status.toUpperCase() }, `enrollment ${id}`, fail);
  } else if (type === 'User') {
    const row = facts.users.get(id);
    if (!row) return fail(`user ${id} is not there`);
    if (!maySeeUser(viewer, id, facts)) fail(`user ${id} is met nowhere`);
    same(
      value,
      { name: row.name, role: row.role.toUpperCase(), email: maySeeEmail(viewer, id) ? row.email : null },
      `user ${id}`,
      fail,
    );
  } else if (!TRANSPARENT.test(type)) {
    fail(`nobody has said who may see a ${type}: give it a rule in judge.ts`);
  }
}

/** Compares the fields of an answer with the row. */
function same(value: Shown, row: Shown, name: string, fail: (what: string) => void): void {
  for (const [field, expected] of Object.entries(row)) {
    if (field in value && JSON.stringify(value[field]) !== JSON.stringify(expected))
      fail(`${name}: ${field} is ${JSON.stringify(value[field])}, by SQL ${JSON.stringify(expected)}`);
  }
}

/** Judges fields whose value depends on rows that they do not show: nulls and counts. */
function judgeField(type: string, node: FieldNode, parent: Shown, part: unknown, { facts, viewer, fail }: Place): void {
  const given = Object.fromEntries(
    (node.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)]),
  ) as Record<string, any>;
  const seen = [...facts.enrollments.values()].filter(one => maySeeEnrollment(viewer, one, facts));
  const expectNull = (what: string, isSeen: boolean): void => {
    if ((part !== null) !== isSeen)
      fail(`${what} is ${part === null ? 'null' : 'shown'}, and the viewer ${isSeen ? 'sees it' : 'does not'}`);
  };
  const expectTotal = (among: number): void => {
    const total = (part as Shown | null)?.['totalCount'];
    if (total !== undefined && (given['filter'] == null ? total !== among : (total as number) > among))
      fail(`${type}.${node.name.value} counts ${String(total)} of ${among}`);
  };
  switch (`${type}.${node.name.value}`) {
    case 'Query.course': {
      const row = facts.courses.get(Number(given['id']));
      return expectNull(`course ${given['id']}`, row !== undefined && maySeeCourse(viewer, row, facts));
    }
    case 'Query.enrollment':
      return expectNull(
        `enrollment ${given['id']}`,
        seen.some(({ id }) => String(id) === String(given['id'])),
      );
    case 'Query.courses':
      return expectTotal([...facts.courses.values()].filter(course => maySeeCourse(viewer, course, facts)).length);
    case 'Query.enrollments':
      return expectTotal(seen.length);
    case 'Course.enrollments':
      return expectTotal(seen.filter(one => String(one.course_id) === parent['id']).length);
    case 'User.enrollments':
      return expectTotal(seen.filter(one => String(one.student_id) === parent['id']).length);
    case 'Course.viewerEnrollment':
      return expectNull(
        `the viewer's enrollment in ${String(parent['id'])}`,
        [...facts.enrollments.values()].some(
          one => String(one.course_id) === parent['id'] && Number(one.student_id) === viewer?.userId,
        ),
      );
    case 'Query.me':
      return expectNull('me', viewer?.userId != null && facts.users.has(numberKey(viewer.userId)));
    default:
  }
}
