import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Allowance, MetricsPlace, TrustProxy } from './config-values.js';
import { configForm, type LOG_LEVELS } from './config-variables.js';

const DEVELOPMENT_SECRET = 'rollcall development secret: signs nothing in production';
/** Lists whose pages may ask outside production: Apollo's explorers, and what developers serve on their own machine. */
const DEVELOPMENT_ORIGINS = [
  'https://studio.apollographql.com',
  'https://sandbox.embed.apollographql.com',
  'https://explorer.embed.apollographql.com',
  /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/,
];

/** Says with what tokens are verified: one secret that is shared, or the keys that an identity provider publishes. */
export type JwtConfig = { readonly issuer?: string; readonly audience?: string; readonly clockTolerance?: number } & (
  | { readonly secret: string; readonly isDevelopmentSecret: boolean; readonly jwksUrl?: undefined }
  | { readonly jwksUrl: string; readonly secret?: undefined; readonly isDevelopmentSecret: false }
);

/** Is the whole configuration, read once at the start. */
export interface Config {
  readonly databaseUrl: string;
  readonly host: string;
  /** Is 0 where the system is to choose a free port. */
  readonly port: number;
  readonly production: boolean;
  readonly jwt: JwtConfig;
  /** How long a user whom a token names is taken to be there without looking again, in seconds. */
  readonly userCheckSeconds: number;
  /** Where a viewer's role comes from: the token, or the row of the user whom it names. */
  readonly roleFrom: 'token' | 'database';
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Says whether anybody may ask for the schema. */
  readonly introspection: boolean;
  /** Says whether there are pages for exploring: Sandbox for browsers at /graphql, and /explorer. */
  readonly explorer: boolean;
  /**
   * Limits how many fields of an operation may be within each other, and what it may cost; about one for each value of
   * its answer.
   */
  readonly maxDepth: number;
  readonly maxCost: number;
  /** Limits the aliases, and the directives, in a document. */
  readonly maxAliases: number;
  readonly maxDirectives: number;
  /** Is the folder with the only documents that may run; null: any may. */
  readonly trustedDocuments: string | null;
  /** Limits the subscriptions to live counts of one server, of which each client may have a part. */
  readonly maxSubscriptions: number;
  /** Says where metrics are served: beside the API, nowhere, or at an address of their own. */
  readonly metrics: MetricsPlace;
  /** Limits how long `serve` waits at its start for a database that does not answer yet, in seconds. */
  readonly databaseWait: number;
  /** Says who keeps the stored counts; `switching` counts with hooks too, and lets triggers be there. */
  readonly counters: 'hooks' | 'triggers' | 'switching';
  /** Limits how long the requests in flight may take to finish once the server is asked to stop, in seconds. */
  readonly shutdownTimeout: number;
  /** Limits how long a request to GraphQL may take, from its arrival to its answer, in seconds. */
  readonly requestTimeout: number;
  /** Limits how long a client may take nothing of its answer, in seconds. */
  readonly writeTimeout: number;
  /** Limits how long a connection on which nothing is asked stays open, in seconds. */
  readonly keepAliveTimeout: number;
  /** Lists the origins whose pages may ask; `*`: all. */
  readonly corsOrigins: readonly (string | RegExp)[];
  /** The proxies whose headers say where a request comes from. */
  readonly trustProxy: TrustProxy;
  /**
   * The points that each address and each viewer may use in a time, and the Redis that counts them (null: each server
   * does); null: any number.
   */
  readonly rateLimits: {
    readonly address: Allowance;
    readonly viewer: Allowance;
    readonly redisUrl: string | null;
  } | null;
  /** How late the event loop may be on average before requests are turned away, in milliseconds; Infinity: any time. */
  readonly maxEventLoopDelay: number;
  /** Is when `serve` verifies the counts, as a cron expression in UTC; null: never. */
  readonly verifySchedule: string | null;
  /** Says whether it only verifies then, or recounts. */
  readonly verifyAction: 'verify' | 'recount';
  /** Says whether an empty database is filled with sample data. */
  readonly sampleData: boolean;
}

/** Lists every mistake of a configuration, each with its variable, its value (never a secret's) and the way out. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly mistakes: readonly string[];
  /** Is what it takes to connect to the database, where that has no mistake. */
  readonly database: Pick<Config, 'databaseUrl' | 'counters'> | null;

  constructor(
    mistakes: readonly string[],
    { database = null, ...options }: ErrorOptions & { database?: Pick<Config, 'databaseUrl' | 'counters'> | null } = {},
  ) {
    super(
      mistakes.length === 1
        ? mistakes[0]
        : `The configuration has ${mistakes.length} mistakes:\n${mistakes.map(one => `  - ${one}`).join('\n')}`,
      options,
    );
    this.name = 'ConfigError';
    this.mistakes = mistakes;
    this.database = database;
  }
}

/**
 * Reads the configuration from the process's environment and, for what that leaves out, `.env` in the working
 * directory. Errors: ConfigError.
 */
export function loadConfig(): Config {
  return readConfig({ ...dotenv(), ...process.env });
}

/**
 * Is as much of the configuration as has no mistake; `database` is what it takes to connect, though other variables are
 * wrong.
 */
export interface ConfigInspection {
  readonly mistakes: readonly string[];
  readonly config: Config | null;
  readonly database: Pick<Config, 'databaseUrl' | 'counters'> | null;
}

/** Reads the configuration as loadConfig() does, but goes on where there are mistakes. */
export function inspectConfig(): ConfigInspection {
  try {
    const config = loadConfig();
    return { mistakes: [], config, database: config };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { mistakes: error.mistakes, config: null, database: error.database };
  }
}

/** Reads the configuration from variables; an empty one counts as not set. Errors: ConfigError. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const parsed = configForm.safeParse(given);
  const mistakes = [
    ...(parsed.error?.issues ?? []).map(({ path: [name], message }) => `${String(name)} ${message}`),
    ...contradictions(given),
  ];
  if (!parsed.success || mistakes.length > 0)
    throw new ConfigError(mistakes, { cause: parsed.error, database: databaseOf(given) });
  const { data } = parsed;
  const production = data.NODE_ENV === 'production';
  return {
    databaseUrl: data.DATABASE_URL,
    host: data.HOST,
    port: data.PORT,
    production,
    jwt: {
      ...keysOf(data.JWT_SECRET, data.JWKS_URL),
      issuer: data.JWT_ISSUER,
      audience: data.JWT_AUDIENCE,
      clockTolerance: data.JWT_CLOCK_TOLERANCE,
    },
    userCheckSeconds: data.USER_CHECK_SECONDS,
    roleFrom: data.ROLE_FROM,
    logLevel: data.LOG_LEVEL,
    introspection: data.INTROSPECTION === undefined ? !production : data.INTROSPECTION === 'on',
    explorer:
      data.EXPLORER === undefined
        ? !production && data.INTROSPECTION !== 'off' && data.TRUSTED_DOCUMENTS === undefined
        : data.EXPLORER === 'on',
    maxDepth: data.MAX_DEPTH,
    maxCost: data.MAX_COST,
    maxAliases: data.MAX_ALIASES,
    maxDirectives: data.MAX_DIRECTIVES,
    trustedDocuments: data.TRUSTED_DOCUMENTS ?? null,
    maxSubscriptions: data.MAX_SUBSCRIPTIONS,
    metrics: data.METRICS ?? (production ? 'off' : 'on'),
    databaseWait: data.DATABASE_WAIT,
    counters: data.COUNTERS,
    shutdownTimeout: data.SHUTDOWN_TIMEOUT,
    requestTimeout: data.REQUEST_TIMEOUT,
    writeTimeout: data.WRITE_TIMEOUT,
    keepAliveTimeout: data.KEEP_ALIVE_TIMEOUT,
    corsOrigins: data.CORS_ORIGINS ?? (production ? [] : DEVELOPMENT_ORIGINS),
    trustProxy: data.TRUST_PROXY,
    rateLimits: data.RATE_LIMIT && {
      address: data.RATE_LIMIT,
      viewer: data.RATE_LIMIT_SIGNED_IN!,
      redisUrl: data.RATE_LIMIT_REDIS_URL ?? null,
    },
    maxEventLoopDelay: data.MAX_EVENT_LOOP_DELAY,
    verifySchedule: data.VERIFY_SCHEDULE ?? null,
    verifyAction: data.VERIFY_ACTION,
    sampleData: data.SAMPLE_DATA === undefined ? !production : data.SAMPLE_DATA === 'true',
  };
}

function databaseOf(
  given: Readonly<Record<string, string | undefined>>,
): Pick<Config, 'databaseUrl' | 'counters'> | null {
  const { data } = configForm.pick({ DATABASE_URL: true, COUNTERS: true }).safeParse(given);
  return data ? { databaseUrl: data.DATABASE_URL, counters: data.COUNTERS } : null;
}

function contradictions({
  NODE_ENV,
  JWT_SECRET,
  JWKS_URL,
  INTROSPECTION,
  EXPLORER,
  RATE_LIMIT,
  RATE_LIMIT_SIGNED_IN,
  SAMPLE_DATA,
  TRUSTED_DOCUMENTS,
}: Readonly<Record<string, string | undefined>>): string[] {
  const mistakes: string[] = [];
  if (JWT_SECRET && JWKS_URL)
    mistakes.push('JWT_SECRET and JWKS_URL are both set. Keep the one with which your tokens are signed.');
  const inProduction = NODE_ENV === 'production';
  if (EXPLORER === 'on' && (INTROSPECTION === 'off' || (inProduction && INTROSPECTION === undefined)))
    mistakes.push(
      'EXPLORER is "on" without introspection, from which explorers know the schema. Set INTROSPECTION to on too, or leave EXPLORER out.',
    );
  if (EXPLORER === 'on' && TRUSTED_DOCUMENTS !== undefined)
    mistakes.push(
      'EXPLORER is "on" with TRUSTED_DOCUMENTS, which lets no explorer ask for the schema or run what somebody writes there. Leave one of them out.',
    );
  if (RATE_LIMIT === 'off' && RATE_LIMIT_SIGNED_IN)
    mistakes.push(
      'RATE_LIMIT_SIGNED_IN is set while RATE_LIMIT is "off", which switches off both. Leave one of them out.',
    );
  if (!inProduction) return mistakes;
  if (!JWT_SECRET && !JWKS_URL)
    mistakes.push(
      "JWT_SECRET and JWKS_URL are both missing in production. Set one: the secret that signs your tokens, or the URL of your identity provider's keys.",
    );
  if (JWT_SECRET === DEVELOPMENT_SECRET)
    mistakes.push('JWT_SECRET is the public development secret. Set one of your own in production.');
  if (SAMPLE_DATA === 'true') mistakes.push('SAMPLE_DATA is "true" in production. Leave it out, or set it to false.');
  return mistakes;
}

function keysOf(secret: string | undefined, jwksUrl: string | undefined): JwtConfig {
  if (jwksUrl !== undefined) return { jwksUrl, isDevelopmentSecret: false };
  return { secret: secret ?? DEVELOPMENT_SECRET, isDevelopmentSecret: secret === undefined };
}

function dotenv(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync('.env', 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw new ConfigError([`The file .env cannot be read (${code}). Make it a readable file, or remove it.`], {
      cause: error,
    });
  }
}
