/** A subscription that is refused; `argument` is the path of the argument that caused it, if one did. */
export class SubscriptionRefused extends Error {
  override readonly name = 'SubscriptionRefused';

  constructor(
    readonly code: 'BAD_USER_INPUT' | 'NOT_FOUND' | 'TOO_MANY_SUBSCRIPTIONS',
    message: string,
    readonly argument: string | null = null,
  ) {
    super(message);
  }
}
