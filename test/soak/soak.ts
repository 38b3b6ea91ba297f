import { setTimeout as delay } from 'node:timers/promises';
import { checkBusy, isAllowed, MIN_UNREADY } from './answer-rules.ts';
import { CallWatch } from './call-watch.ts';
import type { About, Judge } from './calls.ts';
import { openSoakDatabase, type SoakDatabase } from './database.ts';
import type { Fault, FaultContext } from './fault.ts';
import { checkGrowth, inspect, type Inspection } from './inspection.ts';
import { listen, type Listener } from './listeners.ts';
import { Load } from './load.ts';
import { checkLogLine } from './log-check.ts';
import { Problems } from './problems.ts';
import { startRollcall, type Rollcall } from './rollcall.ts';
import { addSchool, type School } from './school.ts';
import type { SoakOptions, Times } from './soak-options.ts';
import { Tally, type Call, type Group, type Phase } from './tally.ts';

const COURSES_OF_LISTENER = 10;

/** The outcome of one fault. */
export interface Report {
  readonly fault: string;
  readonly kind: string;
  readonly tally: Tally;
  /** The duration of the fault, and of the recovery after it, in seconds. */
  readonly lasted: number;
  readonly recovery: number;
  /** The time after the fault's end until each listener had received a message, in seconds. */
  readonly silence: number;
  readonly inspections: readonly Inspection[];
  readonly lost: number;
  readonly drift: number;
  readonly problems: readonly string[];
}

/** A server under load on a database of its own, and one fault after the other. */
export class Soak implements Judge {
  readonly database: SoakDatabase;
  readonly #options: SoakOptions;
  readonly #began = performance.now();
  readonly #problems = new Problems();
  readonly #watch = new CallWatch(this.#problems);
  readonly #listeners: Listener[] = [];
  /** All started servers, including those that have ended. */
  readonly #servers: Rollcall[] = [];
  #phase: Phase = 'calm';
  #fault: Fault;
  #context!: FaultContext;
  #load!: Load;
  #tally = new Tally();
  #lastInspection: Inspection | null = null;
  /** The number of consecutive answers of /readyz that the fault does not allow. */
  #unready = 0;

  private constructor(database: SoakDatabase, options: SoakOptions, calm: Fault) {
    this.database = database;
    this.#options = options;
    this.#fault = calm;
  }

  /** Starts the database and the server, fills them, and connects the listeners. Errors: UnusableDatabase. */
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
    return this.#phase !== 'calm' && this.#fault.touches(about, this.#context) ? 'touched' : 'untouched';
  }

  ended(call: Call, message: string): void {
    this.#tally.add(call);
    const mayBe = isAllowed(call, this.#fault, this.#options.busy);
    if (call.kind === 'ready') this.#unready = mayBe ? 0 : this.#unready + 1;
    if (call.kind === 'ready' ? this.#unready >= MIN_UNREADY : !mayBe) {
      const when = call.phase === 'calm' ? 'without a fault' : `for a call that the fault has ${call.group}`;
      this.#problems.add(
        `${call.name} (${call.kind}) was answered with ${call.code} ${when}`,
        `after ${Math.round(call.milliseconds)} ms: ${message}`,
      );
    }
    this.#watch.add(call);
  }

  /** Runs a fault and reports its outcome. */
  async run(fault: Fault, times: Times): Promise<Report> {
    this.#tally = new Tally();
    const inspections: Inspection[] = [];
    this.#fault = fault;
    if (times.before > 0 || this.#lastInspection === null) {
      this.#load.start();
      await this.#stayCalm(times.before, times.checkEvery, inspections);
      this.#lastInspection = await this.#inspect();
    }
    const first = this.#lastInspection;
    inspections.push(first);
    this.#load.start();
    const [lasted, recovery, silence] = await this.#provoke(fault, times);
    await this.#stayCalm(times.after, times.checkEvery, inspections);
    const last = await this.#inspect();
    this.#lastInspection = last;
    inspections.push(last);
    checkGrowth(first.resources, last.resources, this.#problems);
    checkBusy(this.#tally, fault, this.#options.busy, this.#problems);
    return {
      fault: fault.name,
      kind: this.database.kind,
      tally: this.#tally,
      lasted,
      recovery,
      silence,
      inspections,
      lost: inspections.reduce((sum, { lost }) => sum + lost, 0),
      drift: Math.max(...inspections.map(({ drift }) => drift)),
      problems: this.#problems.take(),
    };
  }

  /** Ends everything that the soak has started at once, and removes what it has made. */
  async abandon(): Promise<void> {
    for (const server of this.#servers) server.kill();
    await this.database.stop();
  }

  /** Stops everything that the soak has started; returns the problems of that. */
  async stop(): Promise<string[]> {
    await this.#load?.pause();
    for (const listener of this.#listeners) listener.close();
    const code = await this.#context?.server.stop();
    if (code) this.#problems.add(`the server ended with ${code}`);
    await this.database.stop();
    return this.#problems.take();
  }

  async #open(): Promise<void> {
    const { database } = this;
    const options = this.#options;
    const server = await this.#startServer();
    const school = await addSchool(database, options);
    const rates = { reads: options.readsPerSecond, writes: options.writesPerSecond };
    this.#load = new Load(server.url, school, rates, this.#problems, this);
    this.#context = {
      database,
      server,
      load: this.#load,
      problems: this.#problems,
      courses: school.courses,
      startAnother: () => this.#startServer(),
    };
    await this.#load.changes.enrollHalf();
    this.#connectListeners(server.url, school);
  }

  async #startServer(): Promise<Rollcall> {
    const server = await startRollcall({
      databaseUrl: this.database.url,
      requestTimeout: this.#options.requestTimeout,
      onLine: line => checkLogLine(line, this.#fault, this.#phase, this.#problems),
    });
    this.#servers.push(server);
    return server;
  }

  #connectListeners(url: string, { admin, courses }: School): void {
    const about: About = { name: 'a listener', kind: 'read', tables: ['core_course'], courses: [] };
    const onError = (code: string, message: string): void => {
      const group = this.#fault.touches(about, this.#context) ? 'touched' : 'untouched';
      if (!isAllowed({ kind: 'read', phase: this.#phase, group, code }, this.#fault, this.#options.busy))
        this.#problems.add(`a listener got ${code}`, message);
    };
    for (let index = 0; index < this.#options.listeners; index += 1) {
      // One by each protocol listens to all courses, the others to some, including those that change.
      const some =
        index === 0
          ? null
          : Array.from(
              { length: Math.min(COURSES_OF_LISTENER, courses.length) },
              (_, place) => courses[(index * COURSES_OF_LISTENER + place) % courses.length]!,
            );
      for (const protocol of ['ws', 'sse'] as const) this.#listeners.push(listen(protocol, url, admin, some, onError));
    }
  }

  /** Goes on without a fault, until this time is over and callers of each kind have been answered. */
  async #stayCalm(seconds: number, checkEvery: number | null, inspections: Inspection[]): Promise<void> {
    const end = performance.now() + seconds * 1000;
    const answered = this.#watch.answered(['untouched read', 'untouched write', 'untouched ready'], () => this.#phase);
    for (let left = seconds; left > 0; left = (end - performance.now()) / 1000) {
      await delay(Math.min(left, checkEvery ?? left) * 1000);
      if (checkEvery === null || performance.now() >= end) continue;
      inspections.push(await this.#inspect());
      this.#load.start();
    }
    await answered;
  }

  async #provoke(fault: Fault, times: Times): Promise<[lasted: number, recovery: number, silence: number]> {
    this.#phase = 'fault';
    const began = performance.now();
    const places = new Set<string>();
    const visible = this.#watch.visible(fault, places);
    const end = await fault.begin(this.#context);
    await Promise.all([delay(times.fault * 1000), visible]);
    await end();
    const over = performance.now();
    this.#phase = 'recovery';
    const silence = await this.#recovered(over, places);
    const recovery = (performance.now() - over) / 1000;
    this.#phase = 'calm';
    if (times.recoversWithin !== null && recovery > times.recoversWithin)
      this.#problems.add(
        `the server recovered ${recovery.toFixed(1)} s after the fault's end; ${times.recoversWithin} s are allowed`,
      );
    return [(over - began) / 1000, recovery, silence];
  }

  /**
   * Resolves once callers of every kind are answered again, /readyz too, each listener has received a message, and no
   * earlier call is under way; returns the time until the last listener had.
   */
  async #recovered(over: number, places: ReadonlySet<string>): Promise<number> {
    const [silence] = await Promise.all([
      this.#heard(over),
      this.#watch.answered(places, () => this.#phase),
      this.#load.settled(),
    ]);
    return silence;
  }

  /** Resolves once each listener has received a message, and returns the seconds until the last one has. */
  async #heard(over: number): Promise<number> {
    const silent = (): Listener[] => this.#listeners.filter(({ heardAt }) => heardAt <= over);
    await this.#watch.eventually(
      () => silent().length === 0,
      () =>
        `${silent()
          .map(({ name }) => name)
          .join(' and ')} received nothing after the fault's end`,
    );
    return (performance.now() - over) / 1000;
  }

  #inspect(): Promise<Inspection> {
    return inspect({
      context: this.#context,
      watch: this.#watch,
      listeners: this.#listeners,
      tally: this.#tally,
      seconds: () => (performance.now() - this.#began) / 1000,
    });
  }
}
