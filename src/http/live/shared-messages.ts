import {
  execute,
  isIntrospectionType,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type ExecutionArgs,
  type ExecutionResult,
} from 'graphql';
import { mostRecentlyUsed } from '../../access/most-recently-used.js';
import { withinOwnLimit } from '../../database/time-limits/time-limit.js';
import type { CourseCountsChange } from '../../live-counts/index.js';

/** The most messages that are kept, and the most characters of one; the least recently used is dropped first. */
const MAX_MESSAGES = 10_000;
const MAX_MESSAGE_CHARACTERS = 2000;

/** A message that several subscribers are sent: the result, and its text. */
export interface SharedMessage {
  readonly result: ExecutionResult;
  readonly text: string;
}

/** Returns the message about a course; null: the subscriber must make its own. */
export type MessageOf = (change: CourseCountsChange) => Promise<SharedMessage | null>;

/** The message about one state of a course. */
interface KeptMessage {
  readonly course: CourseCountsChange['course'];
  readonly message: Promise<SharedMessage | null>;
}

/** The subscribers who ask the same. */
interface Group {
  readonly number: number;
  subscribers: number;
}

/**
 * The messages of subscribers who ask the same, each executed and serialized once for all of them.
 *
 * A message is shared only if all its fields are properties of the row of its course: then it is the same for every
 * viewer. Which rows a viewer sees was decided before, and those who are sent the same state of a course have the same
 * row. A message with errors is not shared.
 */
export class SharedMessages {
  readonly #groups = new Map<string, Group>();
  readonly #messages = mostRecentlyUsed<string, KeptMessage>(MAX_MESSAGES);
  #lastNumber = 0;

  /** Takes the time limit for making a message, in seconds. */
  constructor(private readonly seconds: number) {}

  /**
   * Adds a subscriber to those who ask the same, until `leave` is called; null: its messages depend on more than the
   * rows of courses.
   */
  join(args: ExecutionArgs): { messageOf: MessageOf; leave: () => void } | null {
    const key = questionOf(args);
    if (key === null) return null;
    const group = this.#groups.get(key) ?? { number: (this.#lastNumber += 1), subscribers: 0 };
    this.#groups.set(key, group);
    group.subscribers += 1;
    return {
      messageOf: change => this.#messageOf(group, args, change),
      leave: () => {
        group.subscribers -= 1;
        // What it has kept is dropped later, because nobody uses it.
        if (group.subscribers === 0) this.#groups.delete(key);
      },
    };
  }

  #messageOf({ number }: Group, args: ExecutionArgs, change: CourseCountsChange): Promise<SharedMessage | null> {
    const { courseId, course } = change;
    if (!course) return Promise.resolve(null);
    const key = `${number} ${courseId}`;
    const kept = this.#messages.get(key);
    if (kept?.course === course) return kept.message;
    const message = this.#made(args, change);
    this.#messages.set(key, { course, message });
    return message;
  }

  async #made(args: ExecutionArgs, change: CourseCountsChange): Promise<SharedMessage | null> {
    try {
      // Not within the limit of the subscriber that happens to be the first: it may leave.
      const result = await withinOwnLimit(this.seconds, async () => execute({ ...args, rootValue: change }));
      if (result.errors) return null;
      const text = JSON.stringify(result);
      return text.length > MAX_MESSAGE_CHARACTERS ? null : { result, text };
    } catch {
      // The subscriber makes its own then, and is told why that fails.
      return null;
    }
  }
}

/**
 * Returns everything that a message depends on beside the row of its course, as a text; null: it depends on more. The
 * arguments of the subscription itself only choose the courses.
 */
function questionOf({ schema, document, operationName, variableValues }: ExecutionArgs): string | null {
  const types = new TypeInfo(schema);
  const variables = new Set<string>();
  let isOfRows = true;
  const withoutArguments = visit(
    document,
    visitWithTypeInfo(types, {
      Field(node) {
        const [field, parent] = [types.getFieldDef(), types.getParentType()];
        const isRoot = parent === schema.getSubscriptionType();
        // Without a resolver, a field is the property of that name.
        if (!field || !parent || isIntrospectionType(parent)) isOfRows = false;
        else if (!isRoot && field.resolve && node.name.value !== '__typename') isOfRows = false;
        return isRoot ? { ...node, arguments: [] } : undefined;
      },
    }),
  );
  if (!isOfRows) return null;
  visit(withoutArguments, {
    VariableDefinition: () => false,
    Variable: ({ name }) => void variables.add(name.value),
  });
  const question = visit(withoutArguments, {
    VariableDefinition: ({ variable }) => (variables.has(variable.name.value) ? undefined : null),
  });
  const values = [...variables].toSorted().map(name => [name, variableValues?.[name]]);
  return JSON.stringify([print(question), operationName ?? null, values]);
}
