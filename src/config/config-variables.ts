/**
 * Every variable of the configuration, described in one place: the field of Config that it sets, its form, its default
 * and its meaning. The configuration is read by this table; `rollcall --help` and the documentation show it, and a test
 * compares them.
 */
import { z } from 'zod';
import {
  isHttpUrl,
  isOrigin,
  isRedisUrl,
  loopDelayForm,
  metricsPlaceOf,
  mistakeInDatabaseUrl,
  mistakeInSchedule,
  oneOf,
  rateOf,
  trustProxyOf,
  wholeNumberFrom,
  withHint,
} from './config-values.js';
import { isHost } from '../database/texts/shown-text.js';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The shortest secret that may sign tokens, in bytes. */
const MIN_SECRET_BYTES = 32;

/**
 * The origins whose pages may send requests outside production: Apollo's explorers, and servers on the developer's own
 * machine.
 */
const DEVELOPMENT_ORIGINS: readonly (string | RegExp)[] = [
  'https://studio.apollographql.com',
  'https://sandbox.embed.apollographql.com',
  'https://explorer.embed.apollographql.com',
  /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/,
];

/** What of a deployment decides on defaults. */
interface Deployment {
  readonly production: boolean;
  /** The values of the variables; undefined if they are not set. */
  readonly introspection: boolean | undefined;
  readonly trustedDocuments: string | undefined;
}

/** One variable of the configuration. */
export interface ConfigVariable<Field extends string = string, Form extends z.ZodType = z.ZodType, Default = unknown> {
  /** The field of Config that the variable sets, by itself or with others. */
  readonly field: Field;
  /** The form of the value, which returns the value in use, or the mistake in it and a hint. */
  readonly form: Form;
  /** Returns the value if the variable is not set; null if its form has the default. */
  readonly defaultIn: ((deployment: Deployment) => Default) | null;
  /** The default as the documentation and `--help` show it, in Markdown; '' if there is none. */
  readonly shownDefault: string;
  /** The meaning as the documentation and `--help` show it, one line of Markdown. */
  readonly meaning: string;
}

interface Told<Field extends string, Form extends z.ZodType> {
  readonly field: Field;
  readonly form: Form;
  readonly meaning: string;
}

/** Returns a variable with a default, written in the form of its value. */
function withDefault<const Field extends string, Form extends z.ZodType<unknown, string>>({
  field,
  form,
  default: text,
  meaning,
}: Told<Field, Form> & { readonly default: string }): ConfigVariable<Field, z.ZodPrefault<Form>, never> {
  return { field, form: z.prefault(form, text as never), defaultIn: null, shownDefault: `\`${text}\``, meaning };
}

/** Returns a variable whose default depends on the deployment. */
function withDefaultIn<const Field extends string, Form extends z.ZodType, Default>({
  form,
  ...told
}: Told<Field, Form> & {
  readonly defaultIn: (deployment: Deployment) => Default;
  readonly shownDefault: string;
}): ConfigVariable<Field, z.ZodOptional<Form>, Default> {
  return { ...told, form: form.optional() };
}

/** Returns a variable without a default, whose field is null if it is not set. */
function withoutDefault<const Field extends string, Form extends z.ZodType>({
  form,
  shownDefault = '',
  ...told
}: Told<Field, Form> & { readonly shownDefault?: string }): ConfigVariable<Field, z.ZodOptional<Form>, null> {
  return { ...told, form: form.optional(), defaultIn: () => null, shownDefault };
}

/** The variables in the order in which they are shown. */
export const configVariables = {
  DATABASE_URL: withDefault({
    field: 'databaseUrl',
    form: z.string().superRefine((url, context) => {
      const mistake = mistakeInDatabaseUrl(url);
      if (mistake) context.addIssue(mistake);
    }),
    default: 'sqlite:data/rollcall.sqlite',
    meaning: '`sqlite:PATH`, `mysql://USER:PASSWORD@HOST/DATABASE`, `mariadb://…` or `postgresql://…`',
  }),
  HOST: withDefault({
    field: 'host',
    form: z
      .string()
      .refine(isHost, withHint('Give a name or an address of this machine, such as localhost or 0.0.0.0.')),
    default: 'localhost',
    meaning: 'the name or address to listen on',
  }),
  PORT: withDefault({
    field: 'port',
    form: z
      .string()
      .regex(/^\d{1,5}$/, withHint('Give a whole number from 0 to 65535; 0 takes any free port.'))
      .transform(Number)
      .refine(port => port <= 65535, withHint('Give a whole number from 0 to 65535; 0 takes any free port.')),
    default: '4000',
    meaning: 'the port to listen on; `0` takes a free one',
  }),
  NODE_ENV: withDefault({
    field: 'production',
    form: oneOf('development', 'test', 'production'),
    default: 'development',
    meaning:
      '`production`: no default secret, no sample data, no printed tokens, no introspection, no pages for exploring',
  }),
  JWT_SECRET: withoutDefault({
    field: 'jwt',
    form: z.string().superRefine((secret, context) => {
      const bytes = Buffer.byteLength(secret);
      if (bytes < MIN_SECRET_BYTES)
        context.addIssue(
          `has ${bytes} bytes. Give at least ${MIN_SECRET_BYTES}; \`openssl rand -base64 48\` makes a good one.`,
        );
    }),
    shownDefault: 'a public one, outside production only',
    meaning: 'verifies HS256 tokens; 32 bytes at least',
  }),
  JWKS_URL: withoutDefault({
    field: 'jwt',
    form: z
      .string()
      .refine(
        isHttpUrl,
        withHint('Give an http:// or https:// URL of a JSON Web Key Set, without a user or password.'),
      ),
    meaning: "the URL of an identity provider's keys, instead of the secret",
  }),
  JWT_ISSUER: withoutDefault({
    field: 'jwt',
    form: z.string(),
    meaning: 'the issuer that tokens must name',
  }),
  JWT_AUDIENCE: withoutDefault({
    field: 'jwt',
    form: z.string(),
    meaning: 'the audience that tokens must name',
  }),
  JWT_CLOCK_TOLERANCE: withDefault({
    field: 'jwt',
    form: wholeNumberFrom(0, 3600, 'seconds'),
    default: '30',
    meaning: "seconds by which the issuer's clock and this server's may differ",
  }),
  USER_CHECK_SECONDS: withDefault({
    field: 'userCheckSeconds',
    form: wholeNumberFrom(0, 3600, 'seconds', '0 looks the user up for each request'),
    default: '15',
    meaning:
      'seconds after which the user of a token is looked up again; tokens of a deleted user are rejected with 401',
  }),
  ROLE_FROM: withDefault({
    field: 'roleFrom',
    form: oneOf('token', 'database'),
    default: 'token',
    meaning: "where a viewer's role comes from: `token`, or `database` for the role of that user in the database",
  }),
  DATABASE_WAIT: withDefault({
    field: 'databaseWait',
    form: wholeNumberFrom(0, 99_999, 'seconds', '0 does not wait'),
    default: '60',
    meaning: 'seconds that `serve` waits at its start for a database that does not answer yet',
  }),
  COUNTERS: withDefault({
    field: 'counters',
    form: oneOf('hooks', 'triggers', 'switching'),
    default: 'hooks',
    meaning:
      'what keeps the stored counts: `hooks`, or `triggers` in the database; `switching` during a change from one to the other',
  }),
  SHUTDOWN_TIMEOUT: withDefault({
    field: 'shutdownTimeout',
    form: wholeNumberFrom(0, 99_999, 'seconds', '0 lets no request finish'),
    default: '10',
    meaning: 'seconds that requests in flight have to finish when `serve` is stopped',
  }),
  REQUEST_TIMEOUT: withDefault({
    field: 'requestTimeout',
    form: wholeNumberFrom(1, 99_999, 'seconds'),
    default: '10',
    meaning: 'seconds that a GraphQL request may take before its work is [stopped](http.md#deadlines)',
  }),
  WRITE_TIMEOUT: withDefault({
    field: 'writeTimeout',
    form: wholeNumberFrom(1, 99_999, 'seconds'),
    default: '30',
    meaning:
      'seconds in which a client must take at least [a part](http.md#deadlines) of its answer; otherwise its connection is closed',
  }),
  CORS_ORIGINS: withDefaultIn({
    field: 'corsOrigins',
    form: z.string().transform((text, context) => {
      const origins = text === 'none' ? [] : text.split(',').map(one => one.trim());
      for (const one of origins)
        if (!isOrigin(one))
          context.addIssue(
            withHint(
              'Give origins such as https://school.example, with commas between them, * for all, or none.',
            ).error({ input: one }),
          );
      return origins;
    }),
    defaultIn: ({ production }) => (production ? [] : DEVELOPMENT_ORIGINS),
    shownDefault: 'none in production',
    meaning: 'the [origins](http.md#browsers) whose pages may send requests, with commas between them; `*`, or `none`',
  }),
  KEEP_ALIVE_TIMEOUT: withDefault({
    field: 'keepAliveTimeout',
    form: wholeNumberFrom(1, 99_999, 'seconds'),
    default: '72',
    meaning: "seconds that an idle connection stays open: more than your load balancer's",
  }),
  TRUST_PROXY: withDefault({
    field: 'trustProxy',
    form: z.string().transform((text, context) => {
      const trust = trustProxyOf(text);
      if (trust === null)
        context.addIssue(
          withHint(
            'Give off, on, the number of proxies in front of this server, from 1 to 99, or their addresses such as 10.0.0.5, 192.168.0.0/16 or loopback, with commas between them.',
          ).error({ input: text }),
        );
      return trust ?? false;
    }),
    default: 'off',
    meaning:
      "whose `X-Forwarded-For` names the client, see [docs/deployment.md](deployment.md#behind-a-proxy): `off`, a number of proxies, or the proxies' addresses with commas between them; `on` trusts all",
  }),
  VERIFY_SCHEDULE: withoutDefault({
    field: 'verifySchedule',
    form: z.string().superRefine((pattern, context) => {
      const mistake = mistakeInSchedule(pattern);
      if (mistake) context.addIssue(mistake);
    }),
    meaning:
      'when `serve` verifies the counts: a cron expression in UTC, such as `17 3 * * *`; see [docs/schedule.md](schedule.md)',
  }),
  VERIFY_ACTION: withDefault({
    field: 'verifyAction',
    form: oneOf('verify', 'recount'),
    default: 'verify',
    meaning: 'what it does then: `verify`, or `recount`',
  }),
  METRICS: withDefaultIn({
    field: 'metrics',
    form: z.string().transform((text, context) => {
      const place = metricsPlaceOf(text);
      if (place === null)
        context.addIssue(
          withHint('Give on, off, or where else to serve them, such as 9464 or 0.0.0.0:9464.').error({
            input: text,
          }),
        );
      return place ?? 'off';
    }),
    defaultIn: ({ production }) => (production ? 'off' : 'on'),
    shownDefault: '`on` outside production',
    meaning:
      'where [metrics](observability.md#metrics) for Prometheus are served: `on` (at `/metrics`), `off`, or a separate port or `HOST:PORT`',
  }),
  INTROSPECTION: withDefaultIn({
    field: 'introspection',
    form: oneOf('on', 'off').transform(value => value === 'on'),
    defaultIn: ({ production }) => !production,
    shownDefault: '`on` outside production',
    meaning: 'whether everybody may query the schema: `on` or `off`',
  }),
  EXPLORER: withDefaultIn({
    field: 'explorer',
    form: oneOf('on', 'off').transform(value => value === 'on'),
    defaultIn: ({ production, introspection, trustedDocuments }) =>
      !production && introspection !== false && trustedDocuments === undefined,
    shownDefault: '`on` outside production',
    meaning:
      'whether there are [pages for exploring](exploring.md), Sandbox and `/explorer`: `on` or `off`; needs introspection',
  }),
  MAX_DEPTH: withDefault({
    field: 'maxDepth',
    form: wholeNumberFrom(1, 999, 'fields'),
    default: '12',
    meaning: 'how deep the fields of an operation may be nested; see [docs/http.md](http.md#limits-of-operations)',
  }),
  MAX_COST: withDefault({
    field: 'maxCost',
    form: wholeNumberFrom(1, 999_999_999, 'points'),
    default: '50000',
    meaning: 'how much an operation may [cost](http.md#limits-of-operations), in points',
  }),
  MAX_ROWS_READ: withDefault({
    field: 'maxRowsRead',
    form: wholeNumberFrom(1000, 999_999_999, 'rows'),
    default: '1000000',
    meaning:
      'how many rows a list [reads at most](http.md#limits-of-rows) where no index has them in its order, or to count them',
  }),
  MAX_ALIASES: withDefault({
    field: 'maxAliases',
    form: wholeNumberFrom(0, 2500, 'aliases'),
    default: '50',
    meaning: 'how many [aliases](http.md#limits-of-operations) an operation may have',
  }),
  MAX_DIRECTIVES: withDefault({
    field: 'maxDirectives',
    form: wholeNumberFrom(0, 2500, 'directives'),
    default: '50',
    meaning: 'how many [directives](http.md#limits-of-operations) an operation may have, of which 5 at one place',
  }),
  MAX_SUBSCRIPTIONS: withDefault({
    field: 'maxSubscriptions',
    form: wholeNumberFrom(1, 999_999, 'subscriptions'),
    default: '5000',
    meaning:
      'how many subscriptions to [live counts](live-counts.md) a server takes; each address and each viewer gets a part of them',
  }),
  TRUSTED_DOCUMENTS: withoutDefault({
    field: 'trustedDocuments',
    form: z.string(),
    meaning:
      "a folder with the only documents that may run, as [Apollo's and Relay's tools](clients.md#trusted-documents) write them",
  }),
  RATE_LIMIT: withDefault({
    field: 'rateLimits',
    form: rateOf(true),
    default: '1000000/10',
    meaning:
      'the [points](http.md#limits-of-rates) of each address without a token, and for how many seconds; `off` disables this limit and the next',
  }),
  RATE_LIMIT_SIGNED_IN: withDefault({
    field: 'rateLimits',
    form: rateOf(false),
    default: '500000/10',
    meaning: 'the same for each viewer, from any address',
  }),
  RATE_LIMIT_REDIS_URL: withoutDefault({
    field: 'rateLimits',
    form: z
      .string()
      .refine(
        isRedisUrl,
        'is not the URL of a Redis. Give redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss://… for TLS, with the number of a database or none; write other characters of the password than letters and digits with %, such as %25 for %.',
      ),
    meaning: 'the Redis in which all servers count these points together; without it each server counts its own',
  }),
  MAX_EVENT_LOOP_DELAY: withDefault({
    field: 'maxEventLoopDelay',
    form: loopDelayForm(),
    default: '1000',
    meaning:
      'how late the event loop may be on average, in milliseconds, before it rejects requests as [overloaded](http.md#limits-of-rates); `off` disables this check',
  }),
  LOG_LEVEL: withDefault({
    field: 'logLevel',
    form: oneOf(...LOG_LEVELS),
    default: 'info',
    meaning: '`fatal` to `trace`, or `silent`; at `info` each request has [a line](observability.md#logs)',
  }),
  ROLLCALL_MAP: withDefault({
    field: 'map',
    form: z.string(),
    default: 'rollcall.map.json',
    meaning: "the file with the map of another application's database, for [moving over](moving.md)",
  }),
  FROM_PASSWORD: withoutDefault({
    field: 'fromPassword',
    form: z.string(),
    meaning: 'the password of the database that `--from` names; without it, the command asks for it on a terminal',
  }),
  DOCTOR_TOKEN: withoutDefault({
    field: 'doctorToken',
    form: z.string(),
    meaning: 'the token that `doctor --url` sends to the server; `--token` alone asks for it on a terminal',
  }),
  SAMPLE_DATA: withDefaultIn({
    field: 'sampleData',
    form: oneOf('true', 'false').transform(value => value === 'true'),
    defaultIn: ({ production }) => !production,
    shownDefault: '`true` outside production',
    meaning: 'whether `serve` fills a database in which it has just made the tables',
  }),
} as const satisfies Readonly<Record<string, ConfigVariable>>;

type VariableTable = typeof configVariables;

/** The name of a variable of the configuration. */
export type ConfigVariableName = keyof VariableTable;

/** The fields that the variables set, each with the type of its values. */
export type ConfigFields = {
  readonly [Name in ConfigVariableName as VariableTable[Name]['field']]:
    Exclude<ConfigValues[Name], undefined> | ReturnType<NonNullable<VariableTable[Name]['defaultIn']>>;
};

type Forms = { [Name in ConfigVariableName]: VariableTable[Name]['form'] };

/** The form of all variables together. */
export const configForm = z.object(
  Object.fromEntries(Object.entries(configVariables).map(([name, { form }]) => [name, form])) as Forms,
);

/** The values of the variables, by their names; undefined: not set, and without a default of its own. */
export type ConfigValues = z.output<typeof configForm>;
