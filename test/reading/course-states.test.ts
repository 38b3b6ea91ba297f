import { beforeEach, expect, it } from 'vitest';
import { courseStates } from '../../src/reading/index.js';
import { describeOnEach, useDatabase } from '../support/databases.js';
import { addCourses } from '../support/rows.js';
import { statementsOf } from '../support/statements.js';
import { numberKey } from '../support/keys.js';

describeOnEach('the states of many courses', kind => {
  const opened = useDatabase(kind);
  let courses: number[];

  beforeEach(async () => {
    courses = await addCourses(
      opened.database,
      Array.from({ length: 100 }, () => ({})),
    );
  });

  /** Reads states, and returns the ids of the courses that were read, and the number of statements. */
  async function read(ids: readonly number[] | null): Promise<{ found: number[]; statements: number }> {
    let found: number[] = [];
    const statements = await statementsOf(opened.database, async () => {
      found = [...(await courseStates(opened.database, ids)).keys()].map(numberKey).toSorted((a, b) => a - b);
    });
    return { found, statements: statements.length };
  }

  const far = (count: number): number[] => Array.from({ length: count }, (_, index) => 1_000_000 + 10 * index);

  it('the states of more courses than one statement lists are read without those of other courses', async () => {
    const wanted = [courses[3]!, courses[50]!, courses[97]!];
    expect(await read([...far(12_000), ...wanted])).toEqual({ found: wanted, statements: 3 });
    expect(await read(wanted)).toEqual({ found: wanted, statements: 1 });
  });

  it('the states of courses whose ids are close together are read by one statement, with at most as many others', async () => {
    const first = courses[0]!;
    const close = Array.from({ length: 20_000 }, (_, index) => first + 99 + 2 * index);
    expect(await read(close)).toEqual({ found: [courses[99]], statements: 1 });
    // The first 5,000 are a list, which the last ones are too far from for a range.
    expect((await read([first, ...close])).found).toEqual([first, courses[99]]);
  });

  it('the states of all courses are read by one statement', async () => {
    expect(await read(null)).toEqual({ found: courses, statements: 1 });
  });
});
