import { MessageType } from 'graphql-ws';
import { TokenError } from '../../access/token-error.js';

/** The longest id of a subscription, in characters, because each message repeats it; clients use 36. */
const MAX_ID_CHARACTERS = 256;

/** The types of messages that clients may send. */
const clientMessageTypes: ReadonlySet<unknown> = new Set([
  MessageType.ConnectionInit,
  MessageType.Ping,
  MessageType.Pong,
  MessageType.Subscribe,
  MessageType.Complete,
]);

/**
 * Returns a message as graphql-ws should see it, or the mistake in it if graphql-ws would treat the mistake as an error
 * of the server or repeat it at length; graphql-ws handles the other mistakes.
 */
export function readMessage(text: string, byId: boolean): { text: string } | { mistake: string } {
  let message: { type?: unknown; id?: unknown; payload?: { query?: unknown } } | null;
  try {
    message = JSON.parse(text) as typeof message;
    // graphql-ws requires a query even if an id stands for it.
    if (
      byId &&
      message?.type === MessageType.Subscribe &&
      typeof message.payload === 'object' &&
      message.payload !== null
    )
      message.payload.query ??= '';
    else byId = false;
    if (typeof message?.type === 'string' && !clientMessageTypes.has(message.type))
      return { mistake: 'Clients send connection_init, ping, pong, subscribe and complete only.' };
    if (typeof message?.id === 'string' && message.id.length > MAX_ID_CHARACTERS)
      return { mistake: `The id has ${message.id.length} characters, and ${MAX_ID_CHARACTERS} are allowed.` };
    return { text: byId ? JSON.stringify(message) : text };
  } catch {
    // Not JSON, or nested too deeply to be serialized again.
    return { mistake: 'Invalid message received' };
  }
}

/**
 * Returns the connection parameter "authorization", which takes the place of the header. Errors: TokenError if it is
 * not a string.
 */
export function authorizationIn(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const header = parameters?.['authorization'] ?? parameters?.['Authorization'] ?? undefined;
  if (header !== undefined && typeof header !== 'string')
    throw new TokenError('UNAUTHENTICATED', 'The connection parameter "authorization" must read "Bearer <token>".');
  return header;
}
