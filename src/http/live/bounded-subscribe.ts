import { createSourceEventStream, execute, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { withinOwnLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import type { CourseCountsChange, CourseCountsSubscription } from '../../live-counts/index.js';
import type { LiveEndpoint } from './endpoint.js';
import type { MessageOf, SharedMessage } from './shared-messages.js';

/** Sends the texts of results to a subscriber, together; resolves when they have left. */
export type SendTexts = (results: readonly string[]) => Promise<unknown>;

/** The number of characters of texts that are sent together after which no more is added. */
const MAX_CHARACTERS_TOGETHER = 4096;

/**
 * Subscribes as GraphQL's subscribe() does, but limits the first read and the making of each message in time. When the
 * subscription ends or its client disconnects, all work stops and no more messages are sent.
 *
 * Messages that are the same for others are made once for all. With `sendTexts`, their texts are sent by it,
 * those that wait together, and they are left out of the results.
 */
export async function boundedSubscribe(
  args: ExecutionArgs,
  { seconds, sharedMessages }: Pick<LiveEndpoint, 'seconds' | 'sharedMessages'>,
  sendTexts: SendTexts | null = null,
): Promise<ExecutionResult | SubscriptionMessages> {
  const { gone } = (args.contextValue as Context).live!.subscriber;
  const source = await withinOwnLimit(seconds, () => createSourceEventStream(args), gone);
  const events = Symbol.asyncIterator in source ? (source as CourseCountsSubscription) : null;
  if (events === null && !gone.aborted) return source as ExecutionResult;
  return new SubscriptionMessages(events, gone, events && sharedMessages.join(args), sendTexts, (event, ended) =>
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
    private readonly events: CourseCountsSubscription | null,
    private readonly gone: AbortSignal,
    /** Null if its messages are its own. */
    private readonly shared: { readonly messageOf: MessageOf; readonly leave: () => void } | null,
    private readonly sendTexts: SendTexts | null,
    private readonly messageOf: (event: CourseCountsChange | Error, ended: AbortSignal) => Promise<ExecutionResult>,
  ) {
    if (gone.aborted) this.#end();
    gone.addEventListener('abort', this.#end);
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    const { events } = this;
    const { signal } = this.#ended;
    while (events && !signal.aborted) {
      const { done, value } = await events.next();
      if (done) break;
      const left = this.shared && this.sendTexts ? await this.#sendShared(events, value) : value;
      if (left === null || signal.aborted) continue;
      const message = (this.sendTexts ? null : await this.#sharedOf(left))?.result;
      const own = message ?? (await this.messageOf(left, signal));
      if (!signal.aborted) return { done: false, value: own };
    }
    return this.return();
  }

  /**
   * Sends the shared message about a change, and those about others that wait, and returns the first change whose
   * message is not shared; null: there is none.
   */
  async #sendShared(
    events: CourseCountsSubscription,
    first: CourseCountsChange | Error,
  ): Promise<CourseCountsChange | Error | null> {
    const texts: string[] = [];
    let characters = 0;
    let change: CourseCountsChange | Error | null = first;
    while (change && characters < MAX_CHARACTERS_TOGETHER) {
      const same = await this.#sharedOf(change);
      if (!same) break;
      texts.push(same.text);
      characters += same.text.length;
      change = characters < MAX_CHARACTERS_TOGETHER ? events.takeMore() : null;
    }
    if (texts.length > 0 && !this.#ended.signal.aborted) await this.sendTexts!(texts);
    return change;
  }

  #sharedOf(change: CourseCountsChange | Error): Promise<SharedMessage | null> | null {
    return this.shared && !(change instanceof Error) ? this.shared.messageOf(change) : null;
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
