import { setTimeout as delay } from 'node:timers/promises';
import { driftSql, enrollmentsSql, type Row } from '../crash/ledger.ts';
import { openSoakDatabase, type SoakDatabase } from './database.ts';
import { mayBeTold, nothingTold, type Fault, type Stage } from './faults.ts';
import { listen, type Counts, type Listener } from './listeners.ts';
import { eventually, Load, type About, type Judge } from './load.ts';
import { Problems } from './problems.ts';
import { startRollcall, tokenOf, type LogLine, type Resources, type Rollcall } from './rollcall.ts';
import { Tally, type Call, type Group, type Phase } from './tally.ts';

/** How long what is to come may be waited for, in milliseconds; after that it does not come. */
const PATIENCE_MS = 60_000;
/** By how much what a server needs at rest may grow: the heap in bytes, and the descriptors. */
const MAX_GROWN_HEAP = 30_000_000;
const MAX_GROWN_DESCRIPTORS = 10;
/** After how many answers in order, and none of another kind between them, all is well. */
const MIN_STREAK = 10;
/**
 * How often in order /readyz must say 503 for it to count, as for most load balancers: once it does where a busy
 * machine stands still.
 */
const MIN_UNREADY = 3;
/** What callers are told where the server, or its machine, has more work than it can do in time. */
const BUSY: ReadonlySet<string> = new Set(['RETRY_LATER', 'REQUEST_TIMEOUT', 'READ_FAILED', 'OVERLOADED']);
const FEW_SEATS = 5;
const STUDENT_TOKENS = 20;
const OF_ONE_LISTENER = 10;

/** What a soak is run on, and how hard. */
export interface SoakOptions {
  /** `sqlite`, `mysql` or `mariadb`, to start one; or the URL of an empty database. */
  readonly database: string;
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  readonly courses: number;
  readonly students: number;
  /** The clients that follow the counts, by each protocol. */
  readonly listeners: number;
  /** REQUEST_TIMEOUT of the server, in seconds. */
  readonly requestTimeout: number;
  /**
   * The part of the callers whom nothing touches that may be told that the server is busy, between 0 and 1: more than 0
   * on a machine that does other work too. What a fault touches may then be told so whatever the fault.
   */
  readonly busy: number;
}

/** How long the parts of a run last, in seconds; each at least until what is to be seen in it was seen. */
export interface Times {
  readonly before: number;
  readonly fault: number;
  readonly after: number;
  /**
   * How often the data are looked at while nothing is wrong, and for how long at most a fault may be felt after its
   * end; null: as long as it takes.
   */
  readonly checkEvery: number | null;
  readonly wellWithin: number | null;
}

/** What was found at a moment when nothing was under way. */
export interface Look {
  readonly seconds: number;
  readonly reads: number;
  readonly writes: number;
  readonly messages: number;
  readonly resources: Resources;
  readonly lost: number;
  readonly drift: number;
}

/** What came of one fault. */
export interface Report {
  readonly fault: string;
  readonly kind: string;
  readonly tally: Tally;
  /** How long it lasted, and how long it took after its end until all was well, in seconds. */
  readonly lasted: number;
  readonly recovery: number;
  /** After how long each listener had heard something after the fault's end, in seconds. */
  readonly silence: number;
  readonly looks: readonly Look[];
  readonly lost: number;
  readonly drift: number;
  readonly problems: readonly string[];
}

/** A server under load on a database of its own, which faults befall one after the other. */
export class Soak implements Judge {
  readonly database: SoakDatabase;
  readonly #options: SoakOptions;
  readonly #began = performance.now();
  #phase: Phase = 'calm';
  #fault: Fault;
  #stage!: Stage;
  #load!: Load;
  #tally = new Tally();
  readonly #problems = new Problems();
  readonly #listeners: Listener[] = [];
  /** The servers that were started, those that have ended among them. */
  readonly #servers: Rollcall[] = [];
  #lastLook: Look | null = null;
  /** How often in order /readyz was not what it should be. */
  #unready = 0;
  /** Looks at each call as it ends. */
  #calls: (call: Call) => void = () => undefined;

  private constructor(database: SoakDatabase, options: SoakOptions, calm: Fault) {
    this.database = database;
    this.#options = options;
    this.#fault = calm;
  }

  /** Starts the database and the server, fills them, and lets listeners in. Errors: UnusableDatabase. */
  static async start(options: SoakOptions, calm: Fault): Promise<Soak> {
    const database = await openSoakDatabase(options.database);
    const soak = new Soak(database, options, calm);
    try {
      await soak.#open();
      return soak;
    } catch (error) {
      await soak.abandon();
      throw error;
    }
  }

  get phase(): Phase {
    return this.#phase;
  }

  groupOf(about: About): Group {
    return this.#phase !== 'calm' && this.#fault.touches(about, this.#stage) ? 'touched' : 'untouched';
  }

  ended(call: Call, message: string): void {
    this.#tally.add(call);
    if (call.kind === 'ready') this.#unready = this.#mayBeTold(call) ? 0 : this.#unready + 1;
    if (call.kind === 'ready' ? this.#unready >= MIN_UNREADY : !this.#mayBeTold(call)) {
      const when = call.phase === 'calm' ? 'while nothing was wrong' : `of what the fault has ${call.group}`;
      this.#problems.add(
        `${call.name} (${call.kind}) was told ${call.code} ${when}`,
        `after ${Math.round(call.milliseconds)} ms: ${message}`,
      );
    }
    this.#calls(call);
  }

  #mayBeTold({ phase, kind, group, code }: Call): boolean {
    if (code === 'ok' || (code === 'left' && kind !== 'ready')) return true;
    if (this.#options.busy > 0 && BUSY.has(code)) return true;
    if (phase === 'calm') return false;
    if (kind === 'ready') return code === '503' && this.#fault.ready !== 200;
    if (this.#fault.joined && kind === 'write' && BUSY.has(code)) return true;
    return mayBeTold(this.#fault, group)[kind].includes(code);
  }

  async #open(): Promise<void> {
    const { database } = this;
    const options = this.#options;
    const server = await this.#startServer();
    const now = database.kind === 'sqlite' ? String(Date.now()) : "'2026-01-01 00:00:00'";
    const rows = (count: number, row: (index: number) => string): string =>
      Array.from({ length: count }, (_, index) => `(${row(index)})`).join(', ');
    await database.query(
      `insert into core_user (name, email, role, created_at, updated_at) values ${rows(options.students, index => `'Student ${index}', 'student-${index}@example.org', 'student', ${now}, ${now}`)}`,
    );
    await database.query(
      `insert into core_course (title, status, is_published, capacity, created_at, updated_at) values ${rows(options.courses, index => `'Course ${index}', 'active', 1, ${index === 0 ? FEW_SEATS : 'null'}, ${now}, ${now}`)}`,
    );
    const ids = async (table: string): Promise<string[]> =>
      (await database.query<{ id: number }>(`select id from ${table} order by id`)).map(({ id }) => String(id));
    const [students, courses, admin] = [await ids('core_user'), await ids('core_course'), await tokenOf('admin')];
    const studentTokens = await Promise.all(students.slice(0, STUDENT_TOKENS).map(id => tokenOf('student', id)));
    const school = { url: server.url, admin, studentTokens, students, courses };
    this.#load = new Load(
      school,
      { reads: options.readsPerSecond, writes: options.writesPerSecond },
      this.#problems,
      this,
    );
    this.#stage = {
      database,
      server,
      load: this.#load,
      problems: this.#problems,
      courses,
      startAnother: () => this.#startServer(),
    };
    await this.#load.enrollHalf();
    const onError = (code: string, message: string): void => {
      if (
        !this.#mayBeTold({
          name: 'a listener',
          kind: 'read',
          phase: this.#phase,
          group: this.#fault.touches(
            { name: 'a listener', kind: 'read', tables: ['core_course'], courses: [] },
            this.#stage,
          )
            ? 'touched'
            : 'untouched',
          code,
          milliseconds: 0,
        })
      )
        this.#problems.add(`a listener was told ${code}`, message);
    };
    for (let index = 0; index < options.listeners; index += 1) {
      // One by each protocol to all courses, the others to some, the changed ones among them.
      const some =
        index === 0
          ? null
          : Array.from(
              { length: Math.min(OF_ONE_LISTENER, courses.length) },
              (_, place) => courses[(index * OF_ONE_LISTENER + place) % courses.length]!,
            );
      for (const protocol of ['ws', 'sse'] as const)
        this.#listeners.push(listen(protocol, server.url, admin, some, onError));
    }
  }

  async #startServer(): Promise<Rollcall> {
    const server = await startRollcall({
      databaseUrl: this.database.url,
      requestTimeout: this.#options.requestTimeout,
      onLine: line => this.#lookAtLine(line),
    });
    this.#servers.push(server);
    return server;
  }

  /** Finds lines of the log that a fault does not explain: no fault of a database is a mistake of the server's. */
  #lookAtLine(line: LogLine): void {
    if (line.msg === 'request' || line.msg === 'websocket') return;
    const isExpected =
      line.level < 50 &&
      this.#phase !== 'calm' &&
      (line.fault === undefined
        ? this.#fault.logged.length > 0 || this.#fault.isTold
        : this.#fault.logged.includes(line.fault));
    if (!isExpected || 'stack' in line)
      this.#problems.add(
        `the log has a line that the fault does not explain: ${line.msg}`,
        JSON.stringify(line).slice(0, 1500),
      );
  }

  /** Lets a fault befall the server, and says what came of it. */
  async run(fault: Fault, times: Times): Promise<Report> {
    this.#tally = new Tally();
    const looks: Look[] = [];
    this.#fault = fault;
    if (times.before > 0 || this.#lastLook === null) {
      this.#load.start();
      await this.#calm(times.before, times.checkEvery, looks);
      this.#lastLook = await this.#look();
    }
    const first = this.#lastLook;
    looks.push(first);
    this.#load.start();
    const [lasted, recovery, silence] = await this.#suffer(fault, times);
    await this.#calm(times.after, times.checkEvery, looks);
    const last = await this.#look();
    this.#lastLook = last;
    looks.push(last);
    this.#compare(first.resources, last.resources);
    this.#lookAtBusy();
    return {
      fault: fault.name,
      kind: this.database.kind,
      tally: this.#tally,
      lasted,
      recovery,
      silence,
      looks,
      lost: looks.reduce((sum, look) => sum + look.lost, 0),
      drift: Math.max(...looks.map(look => look.drift)),
      problems: this.#problems.take(),
    };
  }

  /** Goes on while nothing is wrong, until so many seconds have passed and callers of each kind have been answered. */
  async #calm(seconds: number, checkEvery: number | null, looks: Look[]): Promise<void> {
    const end = performance.now() + seconds * 1000;
    const seen = this.#answered(['untouched read', 'untouched write', 'untouched ready'], MIN_STREAK);
    for (let left = seconds; left > 0; left = (end - performance.now()) / 1000) {
      await delay(Math.min(left, checkEvery ?? left) * 1000);
      if (checkEvery === null || performance.now() >= end) continue;
      looks.push(await this.#look());
      this.#load.start();
    }
    await seen;
  }

  /**
   * Resolves once callers of some groups and kinds have been answered, by calls that began from now on, and nobody was
   * told anything else for some calls.
   */
  async #answered(places: Iterable<string>, streak: number): Promise<void> {
    const all = new Set(places);
    let wanted = new Set(all);
    let [since, inOrder] = [performance.now(), 0];
    await this.#seen(
      call => {
        if (call.code === 'left') return false;
        if (call.code !== 'ok') [wanted, since, inOrder] = [new Set(all), performance.now(), 0];
        else if (performance.now() - call.milliseconds >= since) {
          inOrder += 1;
          wanted.delete(placeOf(call, this.#phase));
        }
        return wanted.size === 0 && inOrder >= streak;
      },
      () => `Callers were not answered: ${[...wanted].join(', ') || 'now and then'}`,
    );
  }

  /**
   * Resolves once the calls that end from now on have been what is waited for; where they have not for long, notes that
   * as a problem.
   */
  async #seen(look: (call: Call) => boolean, otherwise: () => string): Promise<void> {
    let isSeen = false;
    this.#calls = call => void (isSeen ||= look(call));
    try {
      await this.#eventually(() => isSeen, otherwise);
    } finally {
      this.#calls = () => undefined;
    }
  }

  /** Resolves once something is so; where it has not come to be for long, notes that as a problem. */
  async #eventually(isSo: () => boolean | Promise<boolean>, otherwise: () => string): Promise<void> {
    try {
      await eventually(isSo, PATIENCE_MS, otherwise);
    } catch (error) {
      this.#problems.add((error as Error).message);
    }
  }

  async #suffer(fault: Fault, times: Times): Promise<[lasted: number, recovery: number, silence: number]> {
    this.#phase = 'fault';
    const began = performance.now();
    const places = new Set<string>();
    const felt = this.#felt(fault, places);
    const end = await fault.begin(this.#stage);
    await Promise.all([delay(times.fault * 1000), felt]);
    await end();
    const over = performance.now();
    this.#phase = 'recovery';
    const silence = await this.#well(over, places);
    const well = performance.now();
    this.#phase = 'calm';
    const recovery = (well - over) / 1000;
    if (times.wellWithin !== null && recovery > times.wellWithin)
      this.#problems.add(
        `all was well only ${recovery.toFixed(1)} s after the fault's end; ${times.wellWithin} s are allowed`,
      );
    return [(over - began) / 1000, recovery, silence];
  }

  /** Resolves once the fault can be seen from outside; notes of which groups and kinds there are calls. */
  async #felt(fault: Fault, places: Set<string>): Promise<void> {
    let [isTold, isReady] = [!fault.isTold, fault.ready !== 503];
    const kinds = new Set(['read', 'write']);
    await this.#seen(
      call => {
        if (call.phase !== 'fault') return false;
        places.add(placeOf(call, 'fault'));
        if (call.kind === 'ready') isReady ||= call.code === '503';
        else if (call.group === 'touched' && call.code !== 'ok' && call.code !== 'left') isTold = true;
        if (call.code === 'ok') kinds.delete(call.kind);
        return isTold && isReady && (fault.isTold || kinds.size === 0);
      },
      () => `the fault ${fault.name} was not felt: ${isTold ? '/readyz stayed 200' : 'no caller was told of it'}`,
    );
  }

  /**
   * Resolves once callers of every kind are answered again, /readyz says so, each listener has heard something, and no
   * call is under way that began before; returns when they had.
   */
  async #well(over: number, places: ReadonlySet<string>): Promise<number> {
    const [silence] = await Promise.all([this.#heard(over), this.#answered(places, MIN_STREAK), this.#load.settled()]);
    return silence;
  }

  /** Resolves once each listener has heard something, and returns after how many seconds the last one has. */
  async #heard(over: number): Promise<number> {
    const silent = (): Listener[] => this.#listeners.filter(({ heardAt }) => heardAt <= over);
    await this.#eventually(
      () => silent().length === 0,
      () =>
        `${silent()
          .map(({ name }) => name)
          .join(' and ')} heard nothing after the fault's end`,
    );
    return (performance.now() - over) / 1000;
  }

  /** Lets the server come to rest, and holds what callers and listeners were told against the database. */
  async #look(): Promise<Look> {
    await this.#load.pause();
    const { database } = this;
    // A server that had no processor for long may still be at what callers gave up, whose outcome the rows are taken
    // for.
    const resources = await this.#atRest();
    // What was sent before a database went away may still be under way in it.
    if (database.server)
      await this.#eventually(
        async () => (await database.query('select 1 from information_schema.innodb_trx')).length === 0,
        () => 'a transaction goes on though nobody asks for anything',
      );
    const drift = await database.query(driftSql);
    if (drift.length > 0)
      this.#problems.add('stored counts are not what the rows give', JSON.stringify(drift.slice(0, 3)));
    const [titles, emails] = [
      await database.query<{ name: string }>('select title as name from core_course'),
      await database.query<{ name: string }>('select email as name from core_user'),
    ];
    const lost = [
      ...this.#load.ledger.contradictions(await database.query<Row>(enrollmentsSql)),
      ...this.#load.courses.contradictions(namesIn(titles)),
      ...this.#load.users.contradictions(namesIn(emails)),
    ];
    if (lost.length > 0) this.#problems.add('what callers were told is not so', lost.slice(0, 3).join('; '));
    await this.#lookAtListeners();
    const count = (kind: 'read' | 'write'): number =>
      Object.values(this.#tally.all(kind)).reduce((sum, one) => sum + one, 0);
    return {
      seconds: (performance.now() - this.#began) / 1000,
      reads: count('read'),
      writes: count('write'),
      messages: this.#listeners.reduce((sum, { messages }) => sum + messages, 0),
      resources,
      lost: lost.length,
      drift: drift.length,
    };
  }

  /** Expects the last that each listener was told of each course to be what is stored. */
  async #lookAtListeners(): Promise<void> {
    const stored = new Map(
      (
        await this.database.query<{ id: number; total: number; active: number }>(
          'select id, total_enrollments as total, active_enrollments as active from core_course',
        )
      ).map(({ id, total, active }) => [
        String(id),
        { totalEnrollments: Number(total), activeEnrollments: Number(active) },
      ]),
    );
    const wrong = (): string[] => this.#listeners.flatMap(listener => contradictionsOf(listener, stored));
    await this.#eventually(
      () => wrong().length === 0,
      () => `the last message of a live count is not what is stored: ${wrong().slice(0, 3).join('; ')}`,
    );
  }

  /** What the server needs, once that does not change any more. */
  async #atRest(): Promise<Resources> {
    const { server } = this.#stage;
    const heap = await server.heap();
    let resources = await server.resources();
    await this.#eventually(
      async () => {
        const before = resources;
        resources = await server.resources();
        return resources.descriptors === before.descriptors && resources.waiting === 0;
      },
      () =>
        `the server does not come to rest: ${resources.waiting} wait for a connection or their turn, though nobody asks for anything`,
    );
    return { ...resources, heap };
  }

  /** Finds what the server has kept since a look. */
  #compare(first: Resources, last: Resources): void {
    if (last.heap - first.heap > MAX_GROWN_HEAP)
      this.#problems.add(`the heap has grown from ${megabytes(first.heap)} to ${megabytes(last.heap)}`);
    if (last.descriptors - first.descriptors > MAX_GROWN_DESCRIPTORS)
      this.#problems.add(`the descriptors have grown from ${first.descriptors} to ${last.descriptors}`);
  }

  /** Finds out whether more callers than may be were told that the server is busy, where nothing touched them. */
  #lookAtBusy(): void {
    for (const [group, told] of [
      ['calm', nothingTold],
      ['untouched', mayBeTold(this.#fault, 'untouched')],
    ] as const) {
      for (const kind of ['read', 'write'] as const) {
        const codes = Object.entries(this.#tally.codes(group, kind));
        const [all, busy] = [codes, codes.filter(([code]) => BUSY.has(code) && !told[kind].includes(code))].map(some =>
          some.reduce((sum, [, count]) => sum + count, 0),
        ) as [number, number];
        const most =
          group === 'untouched' && kind === 'write'
            ? Math.max(this.#options.busy, this.#fault.joined ?? 0)
            : this.#options.busy;
        if (busy > all * most)
          this.#problems.add(
            `${busy} of ${all} callers (${kind}, ${group}) were told that the server is busy, though nothing touched them`,
          );
      }
    }
  }

  /** Ends at once what the soak has started, and takes away what it has made. */
  async abandon(): Promise<void> {
    for (const server of this.#servers) server.kill();
    await this.database.stop();
  }

  /** Stops all that the soak has started; returns what was wrong with that. */
  async stop(): Promise<string[]> {
    await this.#load?.pause();
    for (const listener of this.#listeners) listener.close();
    const code = await this.#stage?.server.stop();
    if (code) this.#problems.add(`the server ended with ${code}`);
    await this.database.stop();
    return this.#problems.take();
  }
}

/** Returns megabytes in words. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

/** Names the group and kind of a call; while nothing is wrong there is one group. */
function placeOf({ group, kind }: Call, phase: Phase): string {
  return `${phase === 'calm' ? 'untouched' : group} ${kind}`;
}

function namesIn(rows: readonly { readonly name: string }[]): Set<string> {
  return new Set(rows.map(({ name }) => name));
}

function contradictionsOf({ name, courseIds, last }: Listener, stored: ReadonlyMap<string, Counts>): string[] {
  const ids = courseIds ?? new Set([...stored.keys(), ...last.keys()]);
  return [...ids].flatMap(id => {
    const [told, right] = [last.get(id), stored.get(id) ?? null];
    const isRight =
      right === null
        ? !told
        : told?.totalEnrollments === right.totalEnrollments && told.activeEnrollments === right.activeEnrollments;
    return isRight
      ? []
      : [`${name} has ${JSON.stringify(told ?? null)} of course ${id}, which is ${JSON.stringify(right)}`];
  });
}
