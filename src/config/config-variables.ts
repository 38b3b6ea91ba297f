/**
 * Every variable of the configuration, in one table: its form, its default and its meaning. The configuration is read
 * by the forms; `rollcall --help` and the table in README.md show the rest, which tests hold to this table.
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
  withWayOut,
} from './config-values.js';
import { isHost } from '../database/texts/shown-text.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The shortest secret that may sign tokens, in bytes. */
const MIN_SECRET_BYTES = 32;

/** One variable of the configuration. */
export interface ConfigVariable<Form extends z.ZodType = z.ZodType> {
  /** The form of the value, which gives the value in use, or the mistake in it and the way out. */
  readonly form: Form;
  /** The default as README.md and `--help` show it, in Markdown; '' where there is none. */
  readonly shownDefault: string;
  /** The meaning as README.md and `--help` show it, one line of Markdown. */
  readonly meaning: string;
}

/** Lists the variables in the order in which they are shown. */
export const configVariables = {
  DATABASE_URL: {
    form: z
      .string()
      .default('sqlite:data/rollcall.sqlite')
      .superRefine((url, { addIssue }) => {
        const mistake = mistakeInDatabaseUrl(url);
        if (mistake) addIssue(mistake);
      }),
    shownDefault: '`sqlite:data/rollcall.sqlite`',
    meaning: '`sqlite:PATH`, `mysql://USER:PASSWORD@HOST/DATABASE` or `mariadb://…`',
  },
  HOST: {
    form: z
      .string()
      .refine(isHost, withWayOut('Give a name or an address of this machine, such as localhost or 0.0.0.0.'))
      .default('localhost'),
    shownDefault: '`localhost`',
    meaning: 'where to listen',
  },
  PORT: {
    form: z
      .string()
      .regex(/^\d{1,5}$/, withWayOut('Give a whole number from 0 to 65535; 0 takes any free port.'))
      .transform(Number)
      .refine(port => port <= 65535, withWayOut('Give a whole number from 0 to 65535; 0 takes any free port.'))
      .default(4000),
    shownDefault: '`4000`',
    meaning: 'the port to listen on; `0` takes a free one',
  },
  NODE_ENV: {
    form: oneOf('development', 'test', 'production').default('development'),
    shownDefault: '`development`',
    meaning:
      '`production`: no default secret, no sample data, no printed tokens, no introspection, no pages for exploring',
  },
  JWT_SECRET: {
    form: z
      .string()
      .superRefine((secret, { addIssue }) => {
        const bytes = Buffer.byteLength(secret);
        if (bytes < MIN_SECRET_BYTES)
          addIssue(
            `has ${bytes} bytes. Give at least ${MIN_SECRET_BYTES}; \`openssl rand -base64 48\` makes a good one.`,
          );
      })
      .optional(),
    shownDefault: 'a public one, outside production only',
    meaning: 'verifies HS256 tokens; 32 bytes at least',
  },
  JWKS_URL: {
    form: z
      .string()
      .refine(
        isHttpUrl,
        withWayOut('Give an http:// or https:// URL of a JSON Web Key Set, without a user or password.'),
      )
      .optional(),
    shownDefault: '',
    meaning: 'instead of the secret: the keys that an identity provider publishes',
  },
  JWT_ISSUER: { form: z.string().optional(), shownDefault: '', meaning: 'the issuer that tokens must name' },
  JWT_AUDIENCE: { form: z.string().optional(), shownDefault: '', meaning: 'the audience that tokens must name' },
  JWT_CLOCK_TOLERANCE: {
    form: wholeNumberFrom(0, 3600, 'seconds').default(30),
    shownDefault: '`30`',
    meaning: "seconds by which the issuer's clock and this server's may differ",
  },
  USER_CHECK_SECONDS: {
    form: wholeNumberFrom(0, 3600, 'seconds', '0 looks at each request').default(15),
    shownDefault: '`15`',
    meaning:
      'seconds after which the user whom a token names is looked up again; a user who is gone is refused with 401',
  },
  ROLE_FROM: {
    form: oneOf('token', 'database').default('token'),
    shownDefault: '`token`',
    meaning: "where a viewer's role comes from: `token`, or `database` for the role of the user whom the token names",
  },
  DATABASE_WAIT: {
    form: wholeNumberFrom(0, 99_999, 'seconds', '0 does not wait').default(60),
    shownDefault: '`60`',
    meaning: 'seconds that `serve` waits at its start for a database that does not answer yet',
  },
  COUNTERS: {
    form: oneOf('hooks', 'triggers', 'switching').default('hooks'),
    shownDefault: '`hooks`',
    meaning:
      'who keeps the stored counts: `hooks`, or `triggers` in the database; `switching` while one takes over from the other',
  },
  SHUTDOWN_TIMEOUT: {
    form: wholeNumberFrom(0, 99_999, 'seconds', '0 lets no request finish').default(10),
    shownDefault: '`10`',
    meaning: 'seconds that the requests in flight get to finish when `serve` is stopped',
  },
  REQUEST_TIMEOUT: {
    form: wholeNumberFrom(1, 99_999, 'seconds').default(10),
    shownDefault: '`10`',
    meaning: 'seconds that a request to GraphQL may take; then its work is [stopped](docs/http.md)',
  },
  WRITE_TIMEOUT: {
    form: wholeNumberFrom(1, 99_999, 'seconds').default(30),
    shownDefault: '`30`',
    meaning:
      'seconds in which a client must take at least [a part](docs/http.md) of its answer; else its connection is closed',
  },
  CORS_ORIGINS: {
    form: z
      .string()
      .transform((text, { addIssue }) => {
        const origins = text === 'none' ? [] : text.split(',').map(one => one.trim());
        for (const one of origins)
          if (!isOrigin(one))
            addIssue(
              withWayOut(
                'Give origins such as https://school.example, with commas between them, * for all, or none.',
              ).error({ input: one }),
            );
        return origins;
      })
      .optional(),
    shownDefault: 'none in production',
    meaning: 'the [origins](docs/http.md) whose pages may ask, with commas between them; `*`, or `none`',
  },
  KEEP_ALIVE_TIMEOUT: {
    form: wholeNumberFrom(1, 99_999, 'seconds').default(72),
    shownDefault: '`72`',
    meaning: "seconds that an idle connection stays open: more than your load balancer's",
  },
  TRUST_PROXY: {
    form: z
      .string()
      .transform((text, { addIssue }) => {
        const trust = trustProxyOf(text);
        if (trust === null)
          addIssue(
            withWayOut(
              'Give off, on, the number of proxies in front of this server, from 1 to 99, or their addresses such as 10.0.0.5, 192.168.0.0/16 or loopback, with commas between them.',
            ).error({ input: text }),
          );
        return trust ?? false;
      })
      .default(false),
    shownDefault: '`off`',
    meaning:
      "whose `X-Forwarded-For` names the client, see [docs/deployment.md](docs/deployment.md): `off`, a number of proxies, or the proxies' addresses with commas between them; `on` believes all",
  },
  VERIFY_SCHEDULE: {
    form: z
      .string()
      .superRefine((pattern, { addIssue }) => {
        const mistake = mistakeInSchedule(pattern);
        if (mistake) addIssue(mistake);
      })
      .optional(),
    shownDefault: '',
    meaning:
      'when `serve` verifies the counts: a cron expression in UTC, such as `17 3 * * *`; see [docs/schedule.md](docs/schedule.md)',
  },
  VERIFY_ACTION: {
    form: oneOf('verify', 'recount').default('verify'),
    shownDefault: '`verify`',
    meaning: 'what it does then: `verify`, or `recount`',
  },
  METRICS: {
    form: z
      .string()
      .transform((text, { addIssue }) => {
        const place = metricsPlaceOf(text);
        if (place === null)
          addIssue(
            withWayOut('Give on, off, or where else to serve them, such as 9464 or 0.0.0.0:9464.').error({
              input: text,
            }),
          );
        return place ?? 'off';
      })
      .optional(),
    shownDefault: '`on` outside production',
    meaning:
      'where [metrics](docs/observability.md) for Prometheus are: `on` (at `/metrics`), `off`, or a port or `HOST:PORT` of their own',
  },
  INTROSPECTION: {
    form: oneOf('on', 'off').optional(),
    shownDefault: '`on` outside production',
    meaning: 'whether anybody may ask for the schema: `on` or `off`',
  },
  EXPLORER: {
    form: oneOf('on', 'off').optional(),
    shownDefault: '`on` outside production',
    meaning:
      'whether there are [pages for exploring](docs/exploring.md), Sandbox and `/explorer`: `on` or `off`; needs introspection',
  },
  MAX_DEPTH: {
    form: wholeNumberFrom(1, 999, 'fields').default(12),
    shownDefault: '`12`',
    meaning: 'how many fields of an operation may be within each other; see [docs/http.md](docs/http.md)',
  },
  MAX_COST: {
    form: wholeNumberFrom(1, 999_999_999, 'points').default(50_000),
    shownDefault: '`50000`',
    meaning: 'what an operation may [cost](docs/http.md), in points',
  },
  MAX_ALIASES: {
    form: wholeNumberFrom(0, 2500, 'aliases').default(50),
    shownDefault: '`50`',
    meaning: 'how many [aliases](docs/http.md) an operation may have',
  },
  MAX_DIRECTIVES: {
    form: wholeNumberFrom(0, 2500, 'directives').default(50),
    shownDefault: '`50`',
    meaning: 'how many [directives](docs/http.md) an operation may have, of which 5 at one place',
  },
  MAX_SUBSCRIPTIONS: {
    form: wholeNumberFrom(1, 999_999, 'subscriptions').default(5000),
    shownDefault: '`5000`',
    meaning:
      'how many subscriptions to [live counts](docs/live-counts.md) a server takes; each address and viewer a part of them',
  },
  TRUSTED_DOCUMENTS: {
    form: z.string().optional(),
    shownDefault: '',
    meaning:
      "a folder with the only documents that may run, as [Apollo's and Relay's tools](docs/clients.md) write them",
  },
  RATE_LIMIT: {
    form: rateOf(true).default({ points: 1_000_000, seconds: 10 }),
    shownDefault: '`1000000/10`',
    meaning:
      'the [points](docs/http.md) that each address may use without a token, and in how many seconds; `off` switches off this limit and the next',
  },
  RATE_LIMIT_SIGNED_IN: {
    form: rateOf(false).default({ points: 500_000, seconds: 10 }),
    shownDefault: '`500000/10`',
    meaning: 'the same for each viewer, from whatever address',
  },
  RATE_LIMIT_REDIS_URL: {
    form: z
      .string()
      .refine(
        isRedisUrl,
        'is not the URL of a Redis. Give redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss://… for TLS, with the number of a database or none; what of a password is no letter or digit is written with %, such as %25 for %.',
      )
      .optional(),
    shownDefault: '',
    meaning: 'the Redis in which all servers together count these points; without it each server counts its own',
  },
  MAX_EVENT_LOOP_DELAY: {
    form: loopDelayForm().default(1000),
    shownDefault: '`1000`',
    meaning:
      'how late the server may be with its work on average, in milliseconds, before it turns requests away as [overloaded](docs/http.md); `off`: it never does for that',
  },
  LOG_LEVEL: {
    form: oneOf(...LOG_LEVELS).default('info'),
    shownDefault: '`info`',
    meaning: '`fatal` to `trace`, or `silent`; at `info` each request has [a line](docs/observability.md)',
  },
  SAMPLE_DATA: {
    form: oneOf('true', 'false').optional(),
    shownDefault: '`true` outside production',
    meaning: 'whether `serve` fills a database that was empty when it made the tables',
  },
} as const satisfies Readonly<Record<string, ConfigVariable>>;

/** Names a variable of the configuration. */
export type ConfigVariableName = keyof typeof configVariables;

type Forms = { [Name in ConfigVariableName]: (typeof configVariables)[Name]['form'] };

/** The form of all variables together. */
export const configForm = z.object(
  Object.fromEntries(Object.entries(configVariables).map(([name, { form }]) => [name, form])) as Forms,
);
