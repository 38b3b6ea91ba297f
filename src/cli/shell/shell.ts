import type { Viewer } from '../../access/viewer.js';
import type { Database } from '../../database/database.js';
import { errorText } from './error-text.js';
import { ShellNames } from './names.js';
import { Session } from './session.js';
import { shownResult } from './shown-value.js';

/** How a shell is started. */
export interface ShellOptions {
  readonly databaseUrl: string;
  readonly viewer: Viewer;
  /** Whether changes are kept: those of each line in a terminal, those of all lines of a script together. */
  readonly saves: boolean;
  /** Whether a person types the lines. */
  readonly isTerminal: boolean;
  /** The longest time between two lines for which changes are held, in seconds. */
  readonly holdSeconds: number;
}

/** The parts of a shell, in a terminal or not. */
export class Shell {
  readonly session: Session;
  readonly names: ShellNames;
  #hasExpired = false;

  constructor(
    readonly database: Database,
    readonly options: ShellOptions,
    onExpired: () => void = () => undefined,
  ) {
    this.session = new Session(database, {
      savesLines: options.saves && options.isTerminal,
      holdSeconds: options.holdSeconds,
      onExpired: () => {
        this.#hasExpired = true;
        onExpired();
      },
    });
    this.names = new ShellNames(this.session, database, options.viewer);
  }

  get saves(): boolean {
    return this.options.saves;
  }

  /** True once changes were rolled back because the next line came too late. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  /** Returns a value as it is printed. */
  shown(value: unknown, colors: boolean): string {
    return shownResult(this.session.em, value, colors);
  }

  /** Returns an error as it is printed. */
  textOf(error: unknown): string {
    return errorText(error, this.options.databaseUrl);
  }
}
