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
  // Small files with much work; some of them run with triggers too.
  '/test/tools/import/whole-oulad',
  '/test/random/',
  '/test/tools/sample-data',
  '/test/use-cases/lost-commit',
  '/test/counters/concurrent-writers',
  '/test/counters/keys/kinds-of-keys',
];

/** Begins each project with its files that take longest, so that none of them runs alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the sequencer's own
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => longest.some(part => moduleId.includes(part));
    // One project after another, because a worker runs files of one project only.
    const ofProjects = Map.groupBy(sorted, ({ project }) => project.name);
    return [...ofProjects.values()].flatMap(own => [...own.filter(isLong), ...own.filter(file => !isLong(file))]);
  }
}
