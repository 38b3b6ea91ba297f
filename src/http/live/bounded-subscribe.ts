import { createSourceEventStream, execute, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { withinOwnLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';

/**
 * Subscribes as GraphQL's subscribe() does, but limits the first read and the making of each message to a number of
 * seconds. When the subscription ends or its client disconnects, all work stops and no more messages are sent.
 */
export async function boundedSubscribe(
  args: ExecutionArgs,
  seconds: number,
): Promise<ExecutionResult | SubscriptionMessages> {
  const { gone } = (args.contextValue as Context).live!.subscriber;
  const source = await withinOwnLimit(seconds, () => createSourceEventStream(args), gone);
  const events = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : null;
  if (events === null && !gone.aborted) return source as ExecutionResult;
  return new SubscriptionMessages(events, gone, (event, ended) =>
    withinOwnLimit(seconds, async () => execute({ ...args, rootValue: event }), ended),
  );
}

/**
 * The messages of a subscription, one for each event. Not a generator, because that would wait for the next event
 * before it ends.
 */
class SubscriptionMessages implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #ended = new AbortController();
  readonly #end = (): void => this.#ended.abort();

  constructor(
    /** Null if the subscription does not begin. */
    private readonly events: AsyncIterator<unknown, unknown> | null,
    private readonly gone: AbortSignal,
    private readonly messageOf: (event: unknown, ended: AbortSignal) => Promise<ExecutionResult>,
  ) {
    if (gone.aborted) this.#end();
    gone.addEventListener('abort', this.#end);
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    if (!this.events || this.#ended.signal.aborted) return this.return();
    const { done, value } = await this.events.next();
    if (done) return this.return();
    const message = await this.messageOf(value, this.#ended.signal);
    return this.#ended.signal.aborted ? this.return() : { done: false, value: message };
  }

  async return(): Promise<IteratorResult<ExecutionResult, undefined>> {
    this.gone.removeEventListener('abort', this.#end);
    this.#end();
    await this.events?.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
