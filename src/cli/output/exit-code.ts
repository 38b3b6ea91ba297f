/** The exit codes of the process. */
export const ExitCode = { clean: 0, failure: 1, usage: 2, drift: 3 } as const;

/** One of the exit codes. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
