import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, mostly by waiting; the others are sorted by their size. */
const longest = [
  '/test/soak/',
  '/test/docs/commands',
  '/test/cli/',
  '/test/graphql/retry-later',
  '/test/tools/doctor/server',
  '/test/http/database-faults',
  '/test/http/readiness',
];

/** Begins with the files that take longest, so that none of them runs alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the sequencer's own
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => longest.some(part => moduleId.includes(part));
    return [...sorted.filter(isLong), ...sorted.filter(file => !isLong(file))];
  }
}
