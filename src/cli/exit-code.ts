/** Names what the process's exit code says. */
export const ExitCode = { clean: 0, failure: 1, usage: 2, drift: 3 } as const;

/** Is one of those codes. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
