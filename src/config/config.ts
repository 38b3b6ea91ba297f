import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Allowance } from './config-values.js';
import {
  configForm,
  configVariables,
  type ConfigFields,
  type ConfigValues,
  type ConfigVariableName,
} from './config-variables.js';

const DEVELOPMENT_SECRET = 'rollcall development secret: signs nothing in production';

/** The key that verifies tokens: one shared secret, or the keys that an identity provider publishes. */
export type JwtConfig = { readonly issuer?: string; readonly audience?: string; readonly clockTolerance?: number } & (
  | { readonly secret: string; readonly isDevelopmentSecret: boolean; readonly jwksUrl?: undefined }
  | { readonly jwksUrl: string; readonly secret?: undefined; readonly isDevelopmentSecret: false }
);

/** The fields of the configuration that several variables set together, or one by another name. */
interface ComposedFields {
  readonly production: boolean;
  readonly jwt: JwtConfig;
  /** The points of each address and each viewer, and the Redis that counts them (null: each server); null: no limit. */
  readonly rateLimits: {
    readonly address: Allowance;
    readonly viewer: Allowance;
    readonly redisUrl: string | null;
  } | null;
}

/** The whole configuration, read once at the start; config-variables.ts says what each field means. */
export interface Config extends Omit<ConfigFields, keyof ComposedFields>, ComposedFields {}

/** The error of a configuration: every mistake with its variable, its value (never a secret's) and a hint. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly mistakes: readonly string[];
  /** The fields that are needed to connect to the database; null if they have a mistake. */
  readonly database: Pick<Config, 'databaseUrl' | 'counters'> | null;
  /** The token that the doctor sends to a server; null: none is set. */
  readonly doctorToken: string | null;

  constructor(
    mistakes: readonly string[],
    {
      database = null,
      doctorToken = null,
      ...options
    }: ErrorOptions & Partial<Pick<ConfigInspection, 'database' | 'doctorToken'>> = {},
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
    this.doctorToken = doctorToken;
  }
}

/**
 * Reads the configuration from the process's environment and, for variables that are not set there, `.env` in the
 * working directory. Errors: ConfigError.
 */
export function loadConfig(): Config {
  return readConfig({ ...dotenv(), ...process.env });
}

/**
 * The part of the configuration that has no mistake; `database` is what is needed to connect, and `doctorToken` the token
 * for a server, even if the rest is wrong.
 */
export interface ConfigInspection {
  readonly mistakes: readonly string[];
  readonly config: Config | null;
  readonly database: Pick<Config, 'databaseUrl' | 'counters'> | null;
  readonly doctorToken: string | null;
}

/** Reads the configuration as loadConfig() does, but continues after mistakes. */
export function inspectConfig(): ConfigInspection {
  try {
    const config = loadConfig();
    return { mistakes: [], config, database: config, doctorToken: config.doctorToken };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { mistakes: error.mistakes, config: null, database: error.database, doctorToken: error.doctorToken };
  }
}

/** Reads the configuration from variables; an empty variable counts as not set. Errors: ConfigError. */
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
    throw new ConfigError(mistakes, {
      cause: parsed.error,
      database: databaseOf(given),
      doctorToken: given['DOCTOR_TOKEN'] ?? null,
    });
  return configOf(parsed.data);
}

function configOf(values: ConfigValues): Config {
  const production = values.NODE_ENV === 'production';
  const deployment = {
    production,
    introspection: values.INTROSPECTION,
    trustedDocuments: values.TRUSTED_DOCUMENTS,
  };
  const fields = Object.entries(configVariables).map(([name, { field, defaultIn }]) => {
    const value = values[name as ConfigVariableName];
    return [field, value === undefined ? defaultIn?.(deployment) : value];
  });
  const composed: ComposedFields = {
    production,
    jwt: {
      ...keysOf(values.JWT_SECRET, values.JWKS_URL),
      issuer: values.JWT_ISSUER,
      audience: values.JWT_AUDIENCE,
      clockTolerance: values.JWT_CLOCK_TOLERANCE,
    },
    rateLimits: values.RATE_LIMIT && {
      address: values.RATE_LIMIT,
      viewer: values.RATE_LIMIT_SIGNED_IN!,
      redisUrl: values.RATE_LIMIT_REDIS_URL ?? null,
    },
  };
  return { ...(Object.fromEntries(fields) as ConfigFields), ...composed };
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
      'EXPLORER is "on" without introspection, by which explorers read the schema. Set INTROSPECTION to on too, or leave EXPLORER out.',
    );
  if (EXPLORER === 'on' && TRUSTED_DOCUMENTS !== undefined)
    mistakes.push(
      'EXPLORER is "on" with TRUSTED_DOCUMENTS, which keeps explorers from reading the schema and from running other documents. Leave one of them out.',
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
