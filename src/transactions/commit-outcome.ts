/** The result of work whose commit was not answered, or answered with an error that does not tell its outcome. */
export class LostCommit<Result> extends Error {
  constructor(
    readonly result: Result,
    override readonly cause: unknown,
  ) {
    super('A commit failed in a way that does not tell whether it took place.', { cause });
  }
}

/** The error of a commit that was not answered in time. */
export class CommitNotAnswered extends Error {
  constructor(seconds: number) {
    super(
      `The database did not confirm the commit within the ${seconds} s that a request may take (REQUEST_TIMEOUT), so it is not known whether the change was saved. Check before you try again.`,
    );
  }
}
