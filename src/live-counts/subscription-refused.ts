/** Reports that a subscription cannot be had; `argument` is the path of the argument that is to blame, if one is. */
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
