import { PAGE, randomNumbers, type Case } from './cases.ts';
import type { Contestant } from './contestants.ts';
import { newcomerId, type Rows } from './rows.ts';

/** The different requests of one load that reads. */
const READS = 1000;

/** Returns the bodies of a load: the same for all contestants of a round but for their cursors. */
export function bodiesOf(one: Case, rows: Rows, seed: number, { cursorAfter, queryOf }: Contestant): string[] {
  const random = randomNumbers(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const query = queryOf?.(one) ?? one.query;
  const body = (variables: object): string => JSON.stringify({ operationName: one.operationName, query, variables });
  switch (one.name) {
    case 'A':
    case 'B':
      return Array.from({ length: READS }, () => {
        const after = below(Math.max(1, rows.size.courses - PAGE));
        return body(after === 0 ? { first: PAGE } : { after: cursorAfter(after), first: PAGE });
      });
    case 'C':
      return Array.from({ length: READS }, () => body({ id: String(1 + below(rows.size.courses)) }));
    default: {
      const { manyCourses, hotCourse } = rows;
      return Array.from({ length: rows.size.newcomers }, (_, index) => {
        const course = one.name === 'D' ? manyCourses[below(manyCourses.length)]! : hotCourse;
        return body({ courseId: String(course), studentId: String(newcomerId(rows, index)) });
      });
    }
  }
}
