import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/config.js';
import { errorCatalogue } from '../../../src/graphql/errors/error-catalogue.js';
import { graphqlSchema } from '../../../src/graphql/schema.js';
import { Random } from '../../../src/tools/sample-data/random.js';
import { issueToken } from '../../../src/access/tokens.js';
import type { Api } from '../../support/api.js';
import { placeToRun, type Place, type Running } from '../../support/command-line.js';
import { describeOnFirstThree, freshDatabase } from '../../support/databases.js';
import { mutilatedBody, mutilatedDocument } from '../../support/hostile-requests.js';
import { scrape } from '../../support/metrics.js';
import { randomOperation, type OperationMaterial } from '../../support/random-operations.js';
import { secretsFrom } from '../../graphql/authorization/judge.js';
import { factsOf } from '../../graphql/authorization/rules.js';
import { newSchool, type Viewers } from '../../graphql/authorization/world.js';
import { ways, type HostileAnswer } from './senders.js';

/**
 * The number of requests on SQLite; on the servers a fifth. After each tenth of them, a long run reports the memory of
 * the server.
 */
const REQUESTS = Number(process.env['HOSTILE_REQUESTS'] ?? 600);
const SEED = Number(process.env['HOSTILE_SEED'] ?? 7);
/** The heap at which the server's process dies: memory that each request leaks exceeds it in a long run. */
const MAX_HEAP_MB = 160;
const JWT_SECRET = 'a secret of more than thirty-two bytes';

const schema = graphqlSchema();
const codes = new Set(Object.keys(errorCatalogue).filter(code => code !== 'INTERNAL_SERVER_ERROR'));

describeOnFirstThree('random requests, valid and mutilated, of every kind of viewer', kind => {
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  let place: Place;
  let server: Running;
  let url: string;
  let metricsUrl: string;
  let viewers: Viewers;
  let tokens: Map<string, string | null>;
  const count = kind === 'sqlite' ? REQUESTS : Math.ceil(REQUESTS / 5);

  beforeAll(async () => {
    fresh = await freshDatabase(kind);
    place = placeToRun();
    const { jwt } = readConfig({ DATABASE_URL: fresh.url, JWT_SECRET, NODE_ENV: 'production' });
    server = place.start(['serve'], {
      DATABASE_URL: fresh.url,
      JWT_SECRET,
      NODE_ENV: 'production',
      METRICS: 'on',
      LOG_LEVEL: 'info',
      COUNTERS: process.env['COUNTERS'] ?? 'hooks',
      USER_CHECK_SECONDS: '1',
      RATE_LIMIT: 'off',
      NODE_OPTIONS: `--max-old-space-size=${MAX_HEAP_MB}`,
    });
    const base = /http:\/\/127[^"\s/]+/.exec(await server.says('listening'))![0];
    [url, metricsUrl] = [`${base}/graphql`, `${base}/metrics`];
    viewers = await newSchool({ database: fresh.database } as Api);
    tokens = new Map();
    for (const [name, viewer] of Object.entries(viewers))
      tokens.set(
        name,
        viewer && (await issueToken(jwt, { role: viewer.role, userId: viewer.userId, expiresIn: '24h' })),
      );
  });
  afterAll(async () => {
    server.process.kill('SIGTERM');
    await server.ended;
    place.leave();
    await fresh.drop();
  });

  it(
    'random valid and mutilated requests cause no error of the server, reveal nothing hidden, and leave nothing in the log or in memory',
    { timeout: 120_000 + count * 500 },
    async () => {
      const random = new Random(SEED);
      const names = Object.keys(viewers);
      const facts = await factsOf(fresh.database);
      const seen = new Map<string, number>();
      const ids = [...facts.users.keys(), ...facts.courses.keys(), ...facts.enrollments.keys(), 999_999];
      const material: OperationMaterial = {
        schema,
        random,
        depth: 5,
        scalar: (coordinate, type) =>
          type === 'ID' || /Ids?$/.test(coordinate)
            ? String(random.pick(ids))
            : /\((?:first|last):\)$/.test(coordinate)
              ? random.below(120)
              : undefined,
      };
      for (let number = 1; number <= count; number++) {
        const name = names[number % names.length]!;
        const way = random.pick(Object.keys(ways));
        const isChange = random.chance(0.2);
        const { text } = randomOperation(material, isChange ? 'mutation' : 'query');
        const isMutilated = random.chance(0.6);
        const asked = isForSubscriptions(way) && random.chance(0.8) ? asSubscription(random, ids) : text;
        const query = isMutilated ? mutilatedDocument(asked, random, schema) : asked;
        const body = isMutilated ? mutilatedBody(query, random) : { query };
        const [before, answer] = [
          await factsOf(fresh.database),
          await ways[way]!(url, tokens.get(name)!, body, random),
        ];
        const after = isChange ? await factsOf(fresh.database) : before;
        const secrets = secretsFrom(viewers[name]!, before).filter(secret =>
          secretsFrom(viewers[name]!, after).includes(secret),
        );
        // An error may repeat the text of the request.
        const sent = JSON.stringify(body);
        expect(
          wrongWith(
            answer,
            secrets.filter(secret => !sent.includes(secret)),
          ),
          `${number}: ${name} sent by ${way}: ${sent}`,
        ).toEqual([]);
        for (const told of toldBy(answer)) seen.set(told, (seen.get(told) ?? 0) + 1);
        if (count > 20_000 && number % (count / 10) === 0) console.log(kind, number, await held(metricsUrl));
      }
      if (count > 20_000) console.log(kind, Object.fromEntries([...seen].toSorted()));
      // If all requests were rejected for one reason, the test would show nothing.
      expect((seen.get('data') ?? 0) / count).toBeGreaterThan(0.05);
      expect([...seen.keys()].length).toBeGreaterThan(kind === 'sqlite' ? 10 : 6);
      server.process.kill('SIGTERM');
      const { stdout, stderr } = await server.ended;
      expect(
        [...stdout.split('\n'), ...stderr.split('\n')].filter(line =>
          /"level":"?(?:error|fatal|50|60)|\bat .*\.js:\d+/.test(line),
        ),
      ).toEqual([]);
    },
  );
});

const isForSubscriptions = (way: string): boolean => way.startsWith('WebSocket') || way.includes('stream');

function asSubscription(random: Random, ids: readonly number[]): string {
  return `subscription Random { courseCountsChanged(courseIds: [${random.pick(ids)}, "${random.pick(ids)}"]) { courseId course { id title totalEnrollments } } }`;
}

/** Returns the mistakes of the server in an answer. */
function wrongWith({ status, closed, text, results }: HostileAnswer, secrets: readonly string[]): string[] {
  const wrong: string[] = [];
  if (status !== null && status >= 500) wrong.push(`the status ${status}`);
  if (closed !== null && closed !== 1000 && !(closed >= 4400 && closed < 4500))
    wrong.push(`the socket was closed with ${closed}`);
  for (const { errors } of results as { errors?: { message: string; extensions?: { code?: string } }[] }[]) {
    for (const { message, extensions } of errors ?? [])
      if (!codes.has(extensions?.code ?? '')) wrong.push(`the error ${extensions?.code}: ${message}`);
  }
  if (/node_modules|\\n +at |stacktrace/.test(text)) wrong.push('a stack');
  wrong.push(...secrets.filter(secret => text.includes(secret)).map(secret => `it tells "${secret}"`));
  return wrong;
}

/** Returns the parts of an answer: data, codes of errors, and the code that closed the socket. */
function toldBy({ closed, results }: HostileAnswer): string[] {
  const all = results as { data?: unknown; errors?: { extensions?: { code?: string } }[] }[];
  return [
    ...all.flatMap(({ data, errors = [] }) => [
      ...(data != null ? ['data'] : []),
      ...errors.map(({ extensions }) => String(extensions?.code)),
    ]),
    ...(closed !== null ? [`closed with ${closed}`] : []),
  ];
}

/** Returns the memory of the server, in MB. */
async function held(metricsUrl: string): Promise<string> {
  const samples = await scrape(metricsUrl);
  return ['process_resident_memory_bytes', 'nodejs_heap_size_used_bytes']
    .map(name => `${name} ${Math.round((samples.get(name) ?? 0) / 1e6)} MB`)
    .join(', ');
}
