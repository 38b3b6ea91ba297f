import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readAnnounced, writeAnnounced, type AnnouncedChange } from '../../schema/changes/announced.js';
import { compareWithReleased } from '../../schema/changes/compare.js';
import { releaseSchema } from '../../schema/changes/release.js';
import { SCHEMA_FOLDER as ours, schemaText } from '../../src/graphql/emit-schema.js';

/** A small schema with one of each thing that a change can remove. */
const released = `# The schema.
type Query {
  course(id: ID!): Course
  courses(first: Int, level: Level): [Course!]!
}
type Course {
  "The title."
  title: String!
  capacity: Int
  teacher: Teacher
}
type Teacher { name: String! }
enum Level { BASIC EXPERT }
input Choice { level: Level }
type Mutation { choose(input: Choice!): Course }
`;

/** Returns that schema with one text replaced by another; the text must occur in it. */
function withChange(from: string, to: string): string {
  if (!released.includes(from)) throw new Error(`The schema has no "${from}".`);
  return released.replace(from, to);
}

/** Returns a valid announcement of one change. */
function announcement(type: string, path: string | null, change: string): AnnouncedChange {
  return {
    type,
    path,
    change,
    announced: '2026-11-23',
    why: 'Nobody asked for it.',
    instead: 'Ask for another.',
    released: null,
  };
}

const noSeats = withChange('  capacity: Int\n', '');
const noSeatsAnnounced = announcement(
  'FIELD_REMOVED',
  'Course.capacity',
  "Field 'capacity' was removed from object type 'Course'",
);
const titleAnnounced = announcement(
  'FIELD_TYPE_CHANGED',
  'Course.title',
  "Field 'Course.title' changed type from 'String!' to 'String'",
);

it('each breaking change since the last release of the schema is announced in schema/breaking-changes.json, and nothing else is', async () => {
  await compareWithReleased({
    released: readFileSync(new URL('released.graphql', ours), 'utf8'),
    present: schemaText(),
    announced: readAnnounced(ours),
  });
});

it.each<[string, string, AnnouncedChange]>([
  ['a removed field', noSeats, noSeatsAnnounced],
  ['a field that becomes nullable', withChange('title: String!', 'title: String'), titleAnnounced],
  [
    'a removed type',
    withChange('type Teacher { name: String! }', '').replace('  teacher: Teacher\n', ''),
    announcement('TYPE_REMOVED', 'Teacher', "Type 'Teacher' was removed"),
  ],
  [
    'a removed argument',
    withChange('first: Int, ', ''),
    announcement(
      'FIELD_ARGUMENT_REMOVED',
      'Query.courses.first',
      "Argument 'first: Int' was removed from field 'Query.courses'",
    ),
  ],
  [
    'an argument made required',
    withChange('first: Int', 'first: Int!'),
    announcement(
      'FIELD_ARGUMENT_TYPE_CHANGED',
      'Query.courses.first',
      "Type for argument 'first' on field 'Query.courses' changed from 'Int' to 'Int!'",
    ),
  ],
  [
    'a new required input field',
    withChange('level: Level }', 'level: Level why: String! }'),
    announcement(
      'INPUT_FIELD_ADDED',
      'Choice.why',
      "Input field 'why' of type 'String!' was added to input object type 'Choice'",
    ),
  ],
  [
    'a removed enum value',
    withChange('BASIC EXPERT', 'BASIC'),
    announcement('ENUM_VALUE_REMOVED', 'Level.EXPERT', "Enum value 'EXPERT' was removed from enum 'Level'"),
  ],
  [
    'the end of all mutations',
    withChange('type Mutation', 'type Change'),
    announcement('SCHEMA_MUTATION_TYPE_CHANGED', null, "Schema mutation type 'Mutation' was removed."),
  ],
])('%s is rejected with what to write, and passes once that is written', async (_, present, change) => {
  const asked = await compareWithReleased({ released, present, announced: [] }).then(
    () => [],
    ({ message }: Error) => JSON.parse(/^\[[^]+^\]$/m.exec(message)![0]) as AnnouncedChange[],
  );
  expect(asked).toContainEqual({
    ...change,
    announced: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string,
    why: '',
    instead: '',
  });
  await compareWithReleased({ released, present, announced: asked });
});

it.each([
  ['a new field', withChange('type Course {', 'type Course {\n  color: String!')],
  [
    'a new type with a query of it',
    withChange('type Query {', 'type Query {\n  room: Room').concat('type Room { id: ID! }'),
  ],
  ['a new optional argument', withChange('first: Int', 'first: Int, after: String')],
  ['a new enum value', withChange('BASIC EXPERT', 'BASIC EXPERT OTHER')],
  ['another description', withChange('"The title."', '"The name of the course."')],
])('%s needs no announcement', async (_, present) => {
  await compareWithReleased({ released, present, announced: [] });
});

it('the rejection names dangerous changes too, after the breaking ones', async () => {
  const present = noSeats.replace('EXPERT', 'EXPERT OTHER');
  await expect(compareWithReleased({ released, present, announced: [] })).rejects.toThrow(
    /'capacity' was removed[^]+Clients may also notice[^]+'OTHER' was added/,
  );
});

it('an announcement of one change does not excuse another one of the same field', async () => {
  const present = withChange('title: String!', 'title: Int!');
  await expect(compareWithReleased({ released, present, announced: [titleAnnounced] })).rejects.toThrow(
    "changed type from 'String!' to 'Int!'",
  );
});

it('an announcement of a change that does not happen, or no longer happens, is rejected', async () => {
  await expect(compareWithReleased({ released, present: released, announced: [noSeatsAnnounced] })).rejects.toThrow(
    "no such change; take the entries out:\n- Field 'capacity'",
  );
});

it('a released announcement is not stale and does not excuse the same change made again', async () => {
  const announced = [{ ...noSeatsAnnounced, released: '2026-11-23' }];
  await compareWithReleased({ released, present: released, announced });
  await expect(compareWithReleased({ released, present: noSeats, announced })).rejects.toThrow('it is not announced');
});

let folder: URL;
const kept = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

beforeEach(() => {
  folder = pathToFileURL(`${mkdtempSync(join(tmpdir(), 'schema-'))}/`);
  writeFileSync(new URL('schema.graphql', folder), noSeats);
  writeFileSync(new URL('released.graphql', folder), released);
});

afterEach(() => rmSync(folder, { recursive: true }));

it('releasing adopts the schema, and dates the announcements that were not released yet', async () => {
  const earlier = { ...announcement('TYPE_REMOVED', 'Room', "Type 'Room' was removed"), released: '2026-11-01' };
  writeAnnounced(folder, [earlier, noSeatsAnnounced]);
  await releaseSchema(folder, '2026-12-01');
  expect(readAnnounced(folder)).toEqual([earlier, { ...noSeatsAnnounced, released: '2026-12-01' }]);
  expect(kept('released.graphql').split('\n').slice(1)).toEqual(noSeats.split('\n').slice(1));
});

it('releasing an unannounced change is rejected and changes nothing', async () => {
  writeAnnounced(folder, []);
  await expect(releaseSchema(folder, '2026-12-01')).rejects.toThrow('it is not announced');
  expect([kept('released.graphql'), kept('breaking-changes.json')]).toEqual([released, '[]\n']);
});

it('an announcement must say why, and what clients do instead', () => {
  writeAnnounced(folder, [{ ...noSeatsAnnounced, why: '', instead: ' ' }]);
  expect(() => readAnnounced(folder)).toThrow(/breaking-changes\.json, 0\.why: is empty[^]+0\.instead: is empty/);
});
