import DataLoader from 'dataloader';

/**
 * Loads values by their keys for one request: in batches, each value once. Values that were read together with other rows
 * are taken, and need no promise then.
 */
export class Loader<Id, Value extends object | number | null> {
  /** The values that have come; another map after each `clear`, so that what is still being read is not taken for new. */
  #ready = new Map<Id, Value>();
  readonly #read: (ids: readonly Id[]) => Promise<readonly Value[]>;
  readonly #maxBatchSize: number;
  /** Made when something must be read: often all values are taken. */
  #batches: DataLoader<Id, Value> | undefined;

  /** `read` returns the values of some keys, in their order; `maxBatchSize` is the most of them. */
  constructor(read: (ids: readonly Id[]) => Promise<readonly Value[]>, maxBatchSize = Infinity) {
    this.#read = read;
    this.#maxBatchSize = maxBatchSize;
  }

  /** Takes a value that has been read. */
  take(id: Id, value: Value): void {
    this.#ready.set(id, value);
  }

  /** Returns a value if it has come already; undefined: it has not, and is not read. */
  ready(id: Id): Value | undefined {
    return this.#ready.get(id);
  }

  /** Returns a value at once if it has come already, or else a promise of it. */
  get(id: Id): Value | Promise<Value> {
    const ready = this.#ready.get(id);
    return ready === undefined ? this.load(id) : ready;
  }

  /** Returns the promise of a value. */
  load(id: Id): Promise<Value> {
    const ready = this.#ready.get(id);
    if (ready !== undefined) return Promise.resolve(ready);
    this.#batches ??= new DataLoader(ids => this.#readBatch(ids), { maxBatchSize: this.#maxBatchSize });
    return this.#batches.load(id);
  }

  /** Forgets all values, so that they are read again. */
  clear(): void {
    this.#ready = new Map();
    this.#batches?.clearAll();
  }

  async #readBatch(ids: readonly Id[]): Promise<readonly Value[]> {
    const taking = this.#ready;
    const values = await this.#read(ids);
    for (const [index, id] of ids.entries()) taking.set(id, values[index]!);
    return values;
  }
}
