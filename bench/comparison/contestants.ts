import { fileURLToPath } from 'node:url';
import type { Case, CaseName } from './cases.ts';
import { cursorOf } from '../../dist/graphql/lists/cursors.js';
import { postGraphile } from './postgraphile.ts';
import type { DatabaseKind } from './store.ts';

/** A program that is measured. */
export interface Contestant {
  readonly name: string;
  readonly title: string;
  readonly databases: readonly DatabaseKind[];
  readonly cases: readonly CaseName[];
  /** The arguments of Node, after which it is run. */
  readonly program: readonly string[];
  readonly folder: string;
  /** The folder below `bench/peers` of its own package; without it, it has those of `bench/peers` itself. */
  readonly packageFolder?: string;
  /** What is run in its folder below `bench/peers` before it. */
  readonly preparation?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Returns the cursor after a course, in the contestant's own form; pages of courses are ordered by id. */
  readonly cursorAfter: (course: number) => string;
  /** Returns its own query for a case, if its schema is another one. */
  readonly queryOf?: (one: Case) => string;
  /** Learns from an answer what it needs for cursors, before anything else is asked. */
  readonly learn?: (post: (body: string) => Promise<string>) => Promise<void>;
  /** Returns an answer in the shape of the others', for a contestant that makes its schema itself. */
  readonly shaped?: (name: CaseName, answer: unknown) => { data?: unknown };
}

/** The secret of the tokens, for those that check them. */
export const SECRET = 'the-secret-of-the-bench-the-secret-of-the-bench';

const project = fileURLToPath(new URL('../..', import.meta.url));
/** The folder of the contestants and of the load generator, a package of its own. */
export const peersFolder = fileURLToPath(new URL('../peers', import.meta.url));

const READS = ['A', 'B', 'C'] as const;
const ALL = ['A', 'B', 'C', 'D', 'E'] as const;

/** Returns a contestant of `bench/peers`, whose cursors are ids. */
function peer(name: string, title: string, own: Partial<Contestant> & Pick<Contestant, 'program'>): Contestant {
  return {
    name,
    title,
    databases: ['mysql'],
    cases: ALL,
    folder: peersFolder,
    environment: {},
    cursorAfter: String,
    ...own,
  };
}

/** The contestant that all others are measured against. */
export const REFERENCE = 'limit';

/** All contestants, in the order of the tables. */
export const contestants: readonly Contestant[] = [
  peer(REFERENCE, 'the limit: node:http, mysql2 and SQL by hand, with the same duties', {
    program: ['limit/server.ts'],
    environment: { DUTIES: 'on' },
    databases: ['mysql', 'mariadb', 'sqlite'],
  }),
  peer('bare-limit', 'the limit without duties: no token, request id or access log', {
    program: ['limit/server.ts'],
    databases: ['mysql', 'mariadb', 'sqlite'],
  }),
  {
    name: 'rollcall',
    title: 'Rollcall',
    databases: ['mysql', 'mariadb', 'sqlite'],
    cases: ALL,
    program: ['dist/cli/main.js', 'serve'],
    folder: project,
    // All requests come as one viewer from one address, which the usual limit of rates would stop; they are counted all the same.
    environment: { RATE_LIMIT: '999999999/1', RATE_LIMIT_SIGNED_IN: '999999999/1' },
    cursorAfter: id => cursorOf({ id }, { list: 'courses', field: 'ID', column: 'id', descending: false }),
  },
  peer('mercurius', 'Fastify and Mercurius with jit, SQL by hand', { program: ['mercurius/server.ts'] }),
  peer('textbook', 'Apollo Server, TypeGraphQL and MikroORM, as their guides have them', {
    program: ['textbook/dist/server.js'],
    preparation: ['tsc'],
  }),
  peer('replaced', 'the way of the app that Rollcall replaces: INSERT, COUNT(*), UPDATE', {
    program: ['replaced/server.ts'],
    cases: ['D', 'E'],
  }),
  peer('prisma', 'Prisma, Pothos and GraphQL Yoga', {
    packageFolder: 'prisma',
    preparation: ['prisma', 'generate'],
    program: ['prisma/server.ts'],
  }),
  peer('typeorm', 'TypeORM and Apollo Server', {
    packageFolder: 'typeorm',
    preparation: ['tsc'],
    program: ['typeorm/dist/server.js'],
  }),
  peer('drizzle', 'Drizzle and GraphQL Yoga', { packageFolder: 'drizzle', program: ['drizzle/server.ts'] }),
  peer('postgraphile', 'PostGraphile, on PostgreSQL', {
    packageFolder: 'postgraphile',
    databases: ['postgresql'],
    program: ['postgraphile/server.ts'],
    ...postGraphile,
  }),
];

/** The cases that a contestant answers on a kind of database; writes are compared on MySQL. */
export function casesOf(contestant: Contestant, kind: DatabaseKind): readonly CaseName[] {
  return kind === 'mysql' || kind === 'postgresql'
    ? contestant.cases
    : READS.filter(name => contestant.cases.includes(name));
}
