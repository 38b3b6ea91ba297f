import { Ledger } from '../crash/ledger.ts';
import { Calls, type Judge } from './calls.ts';
import { Changes } from './changes.ts';
import type { Problems } from './problems.ts';
import { Reads } from './reads.ts';
import type { School } from './school.ts';
import { StudentPool } from './student-pool.ts';

/** The time between two checks of which calls are due, in milliseconds. */
const TICK_MS = 20;
/** The polls of /readyz in a second. */
const READY_RATE = 2;

/** The calls of a load in a second. */
interface Rates {
  readonly reads: number;
  readonly writes: number;
}

/** A load of reads and changes at a steady rate, whatever their outcome, with a record of what was acknowledged. */
export class Load {
  readonly ledger = new Ledger();
  readonly reads: Reads;
  readonly changes: Changes;
  readonly #rates: Rates;
  readonly #calls: Calls;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #changing = new Set<Promise<unknown>>();
  #mayChange = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, school: School, rates: Rates, problems: Problems, judge: Judge) {
    const pool = new StudentPool(school.students, this.ledger);
    this.#rates = rates;
    this.#calls = new Calls(url, judge);
    this.reads = new Reads(this.#calls, school, pool, this.ledger, problems);
    this.changes = new Changes(this.#calls, school, pool, this.ledger, problems);
  }

  /** Begins to send, or goes on. */
  start(): void {
    const due = { read: 0, write: 0, ready: 1 };
    let last = performance.now();
    this.#timer = setInterval(() => {
      const [now, before] = [performance.now(), last];
      last = now;
      const seconds = (now - before) / 1000;
      due.read += seconds * this.#rates.reads;
      due.write += seconds * this.#rates.writes;
      due.ready += seconds * READY_RATE;
      for (; due.read >= 1; due.read -= 1) this.#follow(this.reads.next());
      for (; due.write >= 1; due.write -= 1) if (this.#mayChange) this.#follow(this.changes.random(), this.#changing);
      for (; due.ready >= 1; due.ready -= 1) this.#follow(this.#calls.pollReady());
    }, TICK_MS);
  }

  /** Sends nothing more, and resolves once each call has finished. */
  async pause(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#calls.rest();
  }

  /** Resolves once each call that is under way now has finished. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Repeats some work in this many loops at once, until the returned function is called. */
  repeat(loops: number, work: () => Promise<unknown>): () => Promise<void> {
    let goesOn = true;
    const done = Array.from({ length: loops }, async () => {
      while (goesOn) await work();
    });
    for (const loop of done) this.#follow(loop);
    return async () => {
      goesOn = false;
      await Promise.all(done);
    };
  }

  /** Runs work while no change begins or is under way; reads go on. */
  async undisturbed<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#mayChange = false;
    await Promise.all(this.#changing);
    try {
      return await work();
    } finally {
      this.#mayChange = true;
    }
  }

  #follow(work: Promise<unknown>, also?: Set<Promise<unknown>>): void {
    for (const all of [this.#underWay, also]) {
      all?.add(work);
      void work.finally(() => all?.delete(work));
    }
  }
}
