import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Returns the messages of a channel while `work` runs. */
export async function messagesOn(channel: string, work: () => Promise<unknown>): Promise<unknown[]> {
  const messages: unknown[] = [];
  const listen = (message: unknown): void => void messages.push(message);
  subscribe(channel, listen);
  try {
    await work();
  } finally {
    unsubscribe(channel, listen);
  }
  return messages;
}
