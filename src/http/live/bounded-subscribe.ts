import { createSourceEventStream, execute, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { withinOwnLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import type { CourseCountsChange } from '../../live-counts/index.js';
import type { LiveEndpoint } from './endpoint.js';
import type { MessageOf } from './shared-messages.js';

/** Sends the text of a result to a subscriber; resolves when it has left. */
export type SendText = (result: string) => Promise<void>;

/**
 * Subscribes as GraphQL's subscribe() does, but limits the first read and the making of each message in time. When the
 * subscription ends or its client disconnects, all work stops and no more messages are sent.
 *
 * Messages that are the same for others are made once for all. With `sendText`, their text is sent by it, and they are
 * left out of the results.
 */
export async function boundedSubscribe(
  args: ExecutionArgs,
  { seconds, sharedMessages }: Pick<LiveEndpoint, 'seconds' | 'sharedMessages'>,
  sendText: SendText | null = null,
): Promise<ExecutionResult | SubscriptionMessages> {
  const { gone } = (args.contextValue as Context).live!.subscriber;
  const source = await withinOwnLimit(seconds, () => createSourceEventStream(args), gone);
  const events = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : null;
  if (events === null && !gone.aborted) return source as ExecutionResult;
  return new SubscriptionMessages(events, gone, events && sharedMessages.join(args), sendText, (event, ended) =>
    withinOwnLimit(seconds, async () => execute({ ...args, rootValue: event }), ended),
  );
}

/**
 * The messages of a subscription, one for each event. Not a generator, because that would wait for the next event
 * before it ends.
 */
class SubscriptionMessages implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #ended = new AbortController();
  readonly #end = (): void => {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.shared?.leave();
  };

  constructor(
    /** Null if the subscription does not begin. */
    private readonly events: AsyncIterator<unknown, unknown> | null,
    private readonly gone: AbortSignal,
    /** Null if its messages are its own. */
    private readonly shared: { readonly messageOf: MessageOf; readonly leave: () => void } | null,
    private readonly sendText: SendText | null,
    private readonly messageOf: (event: unknown, ended: AbortSignal) => Promise<ExecutionResult>,
  ) {
    if (gone.aborted) this.#end();
    gone.addEventListener('abort', this.#end);
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    const { events, shared, sendText } = this;
    const { signal } = this.#ended;
    while (events && !signal.aborted) {
      const { done, value } = await events.next();
      if (done) break;
      const same = shared && !(value instanceof Error) ? await shared.messageOf(value as CourseCountsChange) : null;
      if (signal.aborted) break;
      if (same && sendText) {
        await sendText(same.text);
        continue;
      }
      const message = same?.result ?? (await this.messageOf(value, signal));
      if (!signal.aborted) return { done: false, value: message };
    }
    return this.return();
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
