import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/config/config.js';

const secret = 'a secret of more than thirty-two bytes';

function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).mistakes;
  }
  return [];
}

describe('the configuration', () => {
  it('the configuration works without any variable, outside production', () => {
    expect(readConfig({})).toEqual({
      databaseUrl: 'sqlite:data/rollcall.sqlite',
      host: 'localhost',
      port: 4000,
      production: false,
      jwt: { secret: expect.any(String), isDevelopmentSecret: true, clockTolerance: 30 },
      userCheckSeconds: 15,
      roleFrom: 'token',
      logLevel: 'info',
      introspection: true,
      explorer: true,
      maxDepth: 12,
      maxCost: 50_000,
      maxRowsRead: 1_000_000,
      maxAliases: 50,
      maxDirectives: 50,
      trustedDocuments: null,
      maxSubscriptions: 5000,
      metrics: 'on',
      databaseWait: 60,
      counters: 'hooks',
      shutdownTimeout: 10,
      requestTimeout: 10,
      writeTimeout: 30,
      keepAliveTimeout: 72,
      corsOrigins: expect.arrayContaining(['https://studio.apollographql.com']),
      trustProxy: false,
      rateLimits: {
        address: { points: 1_000_000, seconds: 10 },
        viewer: { points: 500_000, seconds: 10 },
        redisUrl: null,
      },
      maxEventLoopDelay: 1000,
      verifySchedule: null,
      verifyAction: 'verify',
      sampleData: true,
      map: 'rollcall.map.json',
      fromPassword: null,
      doctorToken: null,
    });
  });

  it('the configuration accepts every variable', () => {
    const config = readConfig({
      DATABASE_URL: 'mysql://app:word@db.example.org/school',
      HOST: '0.0.0.0',
      PORT: '0',
      NODE_ENV: 'production',
      JWKS_URL: 'https://id.example.org/keys',
      JWT_ISSUER: 'https://id.example.org/',
      JWT_AUDIENCE: 'rollcall',
      JWT_CLOCK_TOLERANCE: '5',
      USER_CHECK_SECONDS: '0',
      ROLE_FROM: 'database',
      LOG_LEVEL: 'warn',
      INTROSPECTION: 'on',
      EXPLORER: 'on',
      MAX_DEPTH: '8',
      MAX_COST: '2000',
      MAX_ROWS_READ: '5000',
      MAX_ALIASES: '20',
      MAX_DIRECTIVES: '30',
      MAX_SUBSCRIPTIONS: '800',
      METRICS: '0.0.0.0:9464',
      DATABASE_WAIT: '5',
      COUNTERS: 'triggers',
      SHUTDOWN_TIMEOUT: '25',
      REQUEST_TIMEOUT: '20',
      WRITE_TIMEOUT: '120',
      KEEP_ALIVE_TIMEOUT: '620',
      CORS_ORIGINS: 'https://school.example, http://localhost:5173',
      TRUST_PROXY: '10.0.0.5, 192.168.0.0/16,loopback',
      RATE_LIMIT: '5000/1',
      RATE_LIMIT_SIGNED_IN: '90000/60',
      RATE_LIMIT_REDIS_URL: 'rediss://app:word@redis.example.org:6380',
      MAX_EVENT_LOOP_DELAY: '700',
      VERIFY_SCHEDULE: '17 3 * * *',
      VERIFY_ACTION: 'recount',
      SAMPLE_DATA: 'false',
      ROLLCALL_MAP: 'school.json',
      FROM_PASSWORD: 'word',
      DOCTOR_TOKEN: 'token',
    });
    expect(config).toEqual({
      databaseUrl: 'mysql://app:word@db.example.org/school',
      host: '0.0.0.0',
      port: 0,
      production: true,
      jwt: {
        jwksUrl: 'https://id.example.org/keys',
        isDevelopmentSecret: false,
        issuer: 'https://id.example.org/',
        audience: 'rollcall',
        clockTolerance: 5,
      },
      userCheckSeconds: 0,
      roleFrom: 'database',
      logLevel: 'warn',
      introspection: true,
      explorer: true,
      maxDepth: 8,
      maxCost: 2000,
      maxRowsRead: 5000,
      maxAliases: 20,
      maxDirectives: 30,
      trustedDocuments: null,
      maxSubscriptions: 800,
      metrics: { host: '0.0.0.0', port: 9464 },
      databaseWait: 5,
      counters: 'triggers',
      shutdownTimeout: 25,
      requestTimeout: 20,
      writeTimeout: 120,
      keepAliveTimeout: 620,
      corsOrigins: ['https://school.example', 'http://localhost:5173'],
      trustProxy: ['10.0.0.5', '192.168.0.0/16', 'loopback'],
      rateLimits: {
        address: { points: 5000, seconds: 1 },
        viewer: { points: 90_000, seconds: 60 },
        redisUrl: 'rediss://app:word@redis.example.org:6380',
      },
      maxEventLoopDelay: 700,
      verifySchedule: '17 3 * * *',
      verifyAction: 'recount',
      sampleData: false,
      map: 'school.json',
      fromPassword: 'word',
      doctorToken: 'token',
    });
  });

  it('the configuration treats an empty variable as unset', () => {
    expect(readConfig({ DATABASE_URL: '', PORT: ' ', JWT_SECRET: '', LOG_LEVEL: '' })).toEqual(readConfig({}));
  });

  it('the configuration has no default secret and no sample data in production', () => {
    expect(mistakesOf({ NODE_ENV: 'production' })).toEqual([
      expect.stringContaining('JWT_SECRET and JWKS_URL are both missing in production'),
    ]);
    expect(mistakesOf({ NODE_ENV: 'production', JWT_SECRET: secret, SAMPLE_DATA: 'true' })).toEqual([
      expect.stringContaining('SAMPLE_DATA is "true" in production'),
    ]);
    expect(readConfig({ NODE_ENV: 'production', JWT_SECRET: secret })).toMatchObject({
      sampleData: false,
      jwt: { secret, isDevelopmentSecret: false },
    });
  });

  it('the configuration shows no metrics in production unless a place is configured', () => {
    const production = { NODE_ENV: 'production', JWT_SECRET: secret };
    expect(readConfig(production).metrics).toBe('off');
    expect(readConfig({ ...production, METRICS: 'on' }).metrics).toBe('on');
    expect(readConfig({ METRICS: 'off' }).metrics).toBe('off');
  });

  it('the configuration shows neither the schema nor pages for exploring in production unless enabled', () => {
    const production = { NODE_ENV: 'production', JWT_SECRET: secret };
    const shown = (env: Record<string, string>) =>
      (({ introspection, explorer }) => ({ introspection, explorer }))(readConfig(env));
    expect(shown(production)).toEqual({ introspection: false, explorer: false });
    expect(shown({ ...production, INTROSPECTION: 'on' })).toEqual({ introspection: true, explorer: false });
    expect(shown({ ...production, INTROSPECTION: 'on', EXPLORER: 'on' })).toEqual({
      introspection: true,
      explorer: true,
    });
    expect(shown({ EXPLORER: 'off' })).toEqual({ introspection: true, explorer: false });
    expect(shown({ INTROSPECTION: 'off' })).toEqual({ introspection: false, explorer: false });
    expect(shown({ TRUSTED_DOCUMENTS: 'documents' })).toEqual({ introspection: true, explorer: false });
  });

  it.each<Record<string, string>>([
    { NODE_ENV: 'production', JWT_SECRET: secret, EXPLORER: 'on' },
    { INTROSPECTION: 'off', EXPLORER: 'on' },
  ])('the configuration rejects pages for exploring that could not request the schema (%o)', env => {
    expect(mistakesOf(env)).toEqual([
      'EXPLORER is "on" without introspection, by which explorers read the schema. Set INTROSPECTION to on too, or leave EXPLORER out.',
    ]);
  });

  it('the configuration rejects pages for exploring with trusted documents, with which they could send nothing', () => {
    expect(mistakesOf({ EXPLORER: 'on', TRUSTED_DOCUMENTS: 'documents' })).toEqual([
      'EXPLORER is "on" with TRUSTED_DOCUMENTS, which keeps explorers from reading the schema and from running other documents. Leave one of them out.',
    ]);
  });

  it.each([
    ['9464', 'localhost', 9464],
    ['metrics.internal:0', 'metrics.internal', 0],
    ['[::1]:9464', '::1', 9464],
  ])('the configuration accepts %s as a separate address for the metrics', (METRICS, host, port) => {
    expect(readConfig({ METRICS }).metrics).toEqual({ host, port });
  });

  it.each(['yes', '65536', ':9464', 'host:', 'a b:9464', 'http://localhost:9464', '::1:9464'])(
    'the configuration rejects %s as a place for metrics',
    METRICS => {
      expect(mistakesOf({ METRICS })).toEqual([
        `METRICS is "${METRICS}". Give on, off, or where else to serve them, such as 9464 or 0.0.0.0:9464.`,
      ]);
    },
  );

  it.each([
    ['off', false],
    ['on', true],
    ['2', 2],
    ['127.0.0.1', ['127.0.0.1']],
    ['10.0.0.0/8, fd00::/8,uniquelocal', ['10.0.0.0/8', 'fd00::/8', 'uniquelocal']],
    ['10.0.0.0/255.0.0.0', ['10.0.0.0/255.0.0.0']],
  ])('the configuration accepts %s as the trusted proxies', (TRUST_PROXY, trustProxy) => {
    expect(readConfig({ TRUST_PROXY }).trustProxy).toEqual(trustProxy);
  });

  it.each([
    '0',
    '100',
    '-1',
    '1.5',
    'true',
    '*',
    'proxy.internal',
    '10.0.0.0/33',
    '10.0.0.0/0',
    '10.0.0.0/',
    '010.0.0.1',
    '0x7f.1',
    '10.0.0.1,',
    '10.0.0.1 10.0.0.2',
    'fd00::/129',
    'http://10.0.0.1',
  ])('the configuration rejects %s as the trusted proxies', TRUST_PROXY => {
    expect(mistakesOf({ TRUST_PROXY })).toEqual([
      expect.stringContaining(
        `TRUST_PROXY is "${TRUST_PROXY}". Give off, on, the number of proxies in front of this server`,
      ),
    ]);
  });

  it('the configuration has no rate limit with RATE_LIMIT=off, which switches both limits off', () => {
    expect(readConfig({ RATE_LIMIT: 'off' }).rateLimits).toBeNull();
    expect(mistakesOf({ RATE_LIMIT: 'off', RATE_LIMIT_SIGNED_IN: '1/1' })).toEqual([
      'RATE_LIMIT_SIGNED_IN is set while RATE_LIMIT is "off", which switches off both. Leave one of them out.',
    ]);
  });

  it.each([
    '1000',
    '1000/0',
    '0/10',
    '/10',
    '1000/',
    '-1/10',
    '1e3/10',
    '1000/86401',
    '1000000000000/10',
    '1000/10s',
    'none',
  ])('the configuration rejects %s as a rate', rate => {
    expect(mistakesOf({ RATE_LIMIT: rate })).toEqual([
      `RATE_LIMIT is "${rate}". Give points and the seconds for which they are given, such as 1000000/10, or off.`,
    ]);
    expect(mistakesOf({ RATE_LIMIT_SIGNED_IN: rate })).toEqual([
      `RATE_LIMIT_SIGNED_IN is "${rate}". Give points and the seconds for which they are given, such as 1000000/10.`,
    ]);
  });

  it('the configuration never considers a server overloaded by its event loop with MAX_EVENT_LOOP_DELAY=off', () => {
    expect(readConfig({ MAX_EVENT_LOOP_DELAY: 'off' }).maxEventLoopDelay).toBe(Infinity);
    for (const delay of ['0', '-1', '1.5', '100000', 'on'])
      expect(mistakesOf({ MAX_EVENT_LOOP_DELAY: delay })).toEqual([
        `MAX_EVENT_LOOP_DELAY is "${delay}". Give a whole number of milliseconds, from 1 to 99999, or off.`,
      ]);
  });

  it('the configuration rejects RATE_LIMIT_SIGNED_IN=off, because RATE_LIMIT switches both', () => {
    expect(mistakesOf({ RATE_LIMIT_SIGNED_IN: 'off' })).toEqual([
      expect.stringContaining('RATE_LIMIT_SIGNED_IN is "off". Give points'),
    ]);
  });

  it.each([
    'redis.example.org',
    'http://app:hidden@redis',
    'redis:',
    'redis://',
    'Redis app:hidden@redis',
    'redis://app:hidden@redis/name',
    'redis://app:hidden@redis/0/1',
    'redis://app:hidden%@redis',
  ])('the configuration never shows a wrong RATE_LIMIT_REDIS_URL (%s)', url => {
    expect(mistakesOf({ RATE_LIMIT_REDIS_URL: url })).toEqual([
      'RATE_LIMIT_REDIS_URL is not the URL of a Redis. Give redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss://… for TLS, with the number of a database or none; write other characters of the password than letters and digits with %, such as %25 for %.',
    ]);
  });

  it('the configuration rejects the public development secret in production', () => {
    const { jwt } = readConfig({});
    expect(mistakesOf({ NODE_ENV: 'production', JWT_SECRET: jwt.secret ?? '' })).toEqual([
      expect.stringContaining('public development secret'),
    ]);
  });

  it('the configuration lists every mistake in one message, each with its variable and value', () => {
    const env = {
      DATABASE_URL: 'oracle://h/d',
      PORT: '65536',
      NODE_ENV: 'staging',
      JWT_SECRET: 'short',
      JWKS_URL: 'ftp://keys',
      LOG_LEVEL: 'loud',
      INTROSPECTION: 'yes',
      EXPLORER: '1',
      MAX_DEPTH: '0',
      MAX_COST: '1e6',
      MAX_ROWS_READ: '999',
      MAX_ALIASES: '2501',
      MAX_DIRECTIVES: '-1',
      DATABASE_WAIT: 'long',
      SHUTDOWN_TIMEOUT: '1.5',
      REQUEST_TIMEOUT: '0',
      WRITE_TIMEOUT: '-1',
      VERIFY_SCHEDULE: '61 * * * *',
      VERIFY_ACTION: 'mend',
      KEEP_ALIVE_TIMEOUT: '0',
      CORS_ORIGINS: 'https://school.example/x',
      TRUST_PROXY: 'yes',
      SAMPLE_DATA: 'maybe',
    };
    expect(mistakesOf(env)).toEqual([
      expect.stringMatching(/^DATABASE_URL is "oracle:\/\/h\/d"\. Give /),
      expect.stringMatching(/^PORT is "65536"\. Give /),
      expect.stringMatching(/^NODE_ENV is "staging"\. Give one of development, test, production\.$/),
      expect.stringMatching(/^JWT_SECRET has 5 bytes\. Give at least 32/),
      expect.stringMatching(/^JWKS_URL is "ftp:\/\/keys"\. Give /),
      expect.stringMatching(/^DATABASE_WAIT is "long"\. Give a whole number of seconds/),
      expect.stringMatching(/^SHUTDOWN_TIMEOUT is "1\.5"\. Give a whole number of seconds/),
      expect.stringMatching(/^REQUEST_TIMEOUT is "0"\. Give a whole number of seconds, from 1 to 99999\.$/),
      expect.stringMatching(/^WRITE_TIMEOUT is "-1"\. Give a whole number of seconds, from 1 to 99999\.$/),
      expect.stringMatching(/^CORS_ORIGINS is "https:\/\/school\.example\/x"\. Give origins such as /),
      expect.stringMatching(/^KEEP_ALIVE_TIMEOUT is "0"\. Give a whole number of seconds, from 1 to 99999\.$/),
      expect.stringMatching(/^TRUST_PROXY is "yes"\. Give off, on, the number of proxies /),
      expect.stringMatching(
        /^VERIFY_SCHEDULE is "61 \* \* \* \*"\. Give minute, hour, day of month, month and day of week, in UTC, .*\(Invalid value for minute: 61\)$/,
      ),
      expect.stringMatching(/^VERIFY_ACTION is "mend"\. Give one of verify, recount\.$/),
      expect.stringMatching(/^INTROSPECTION is "yes"\. Give one of on, off\.$/),
      expect.stringMatching(/^EXPLORER is "1"\. Give one of on, off\.$/),
      expect.stringMatching(/^MAX_DEPTH is "0"\. Give a whole number of fields, from 1 to 999\.$/),
      expect.stringMatching(/^MAX_COST is "1e6"\. Give a whole number of points, from 1 to 999999999\.$/),
      expect.stringMatching(/^MAX_ROWS_READ is "999"\. Give a whole number of rows, from 1000 to 999999999\.$/),
      expect.stringMatching(/^MAX_ALIASES is "2501"\. Give a whole number of aliases, from 0 to 2500\.$/),
      expect.stringMatching(/^MAX_DIRECTIVES is "-1"\. Give a whole number of directives, from 0 to 2500\.$/),
      expect.stringMatching(/^LOG_LEVEL is "loud"\. Give one of /),
      expect.stringMatching(/^SAMPLE_DATA is "maybe"\. Give one of true, false\.$/),
      expect.stringMatching(/^JWT_SECRET and JWKS_URL are both set/),
    ]);
    expect(() => readConfig(env)).toThrow(/has 24 mistakes:\n {2}- DATABASE_URL/);
  });

  it.each(['mysql://app:pass@word@', 'app:pass@word@host/school', 'mariadb://app:pass@word@host'])(
    'the configuration never shows the password of a wrong DATABASE_URL (%s)',
    url => {
      const [mistake] = mistakesOf({ DATABASE_URL: url });
      expect(mistake).toContain('(not shown, because it may contain a password)');
      expect(mistake).not.toContain('pass@');
    },
  );

  it.each([
    'mysql://app:hidden%@host/school',
    'mariadb://app:hidden%zz@host/school',
    'mysql://app:hidden%ff@host/school',
  ])('the configuration rejects %s, which cannot be decoded, before anything is done', url => {
    const [mistake] = mistakesOf({ DATABASE_URL: url });
    expect(mistake).toContain('Write % itself as %25');
    expect(mistake).not.toContain('hidden');
  });

  it.each(['*/15 * * * *', '0 17 3 * * *', '@daily', '17 3 * * MON-FRI', '0 3 1,15 * *'])(
    'the configuration accepts the schedule %s',
    pattern => {
      expect(readConfig({ VERIFY_SCHEDULE: pattern }).verifySchedule).toBe(pattern);
    },
  );

  it.each([
    ['hourly', 'parts'],
    ['* * * *', 'parts'],
    ['0 0 0 1 1 * 2027', '7 parts'],
    ['0 25 * * *', 'Invalid value for hour: 25'],
    ['@reboot', 'not supported'],
    ['0 0 30 2 *', 'which never occurs'],
    ['2999-01-01T00:00:00', 'which is a single moment, not a schedule'],
  ])('the configuration rejects the schedule %s', (pattern, reason) => {
    const [mistake, ...more] = mistakesOf({ VERIFY_SCHEDULE: pattern });
    expect(more).toEqual([]);
    expect(mistake).toContain(`VERIFY_SCHEDULE is "${pattern}"`);
    expect(mistake).toContain(reason);
  });

  it('the configuration never shows a secret', () => {
    expect(mistakesOf({ JWT_SECRET: 'hunter2' }).join()).not.toContain('hunter2');
  });

  it.each(['sqlite:', 'mysql:', 'mysql://host', 'mysql://host/'])(
    'the configuration rejects %s, which names no database',
    url => {
      expect(mistakesOf({ DATABASE_URL: url })).toHaveLength(1);
    },
  );
});
