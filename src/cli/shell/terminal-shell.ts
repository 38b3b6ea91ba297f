import { chmod } from 'node:fs/promises';
import { once } from 'node:events';
import type { AsyncCompleter, CompleterResult } from 'node:readline';
import { Recoverable, start, type REPLServer } from 'node:repl';
import { ExitCode } from '../output/exit-code.js';
import { tell } from '../output/terminal.js';
import { quantity } from '../../tools/words.js';
import { writeDirectly } from './direct-output.js';
import { Evaluator, nameIn } from './evaluator.js';
import { Keyboard } from './keyboard.js';
import type { ShellName } from './names.js';
import { Shell, type ShellOptions } from './shell.js';
import type { Database } from '../../database/database.js';

/** How a person uses a shell. */
export interface TerminalOptions extends ShellOptions {
  readonly banner: string;
  /** The file that keeps the lines for later sessions; null: none does. */
  readonly history: string | null;
}

/** The most lines that the history keeps. */
const HISTORY_LINES = 1000;

/** The name at the end of a line, which may be one of a member. */
const LAST_NAME = /[\w$]+(?:\.[\w$]*)*$/;

/** The column at which meanings begin in help. */
const NAME_MEANING_COLUMN = 52;

/** Lets a person type lines until the end, and returns the exit code. */
export async function runTerminal(database: Database, options: TerminalOptions): Promise<ExitCode> {
  return new TerminalShell(database, options).run();
}

class TerminalShell {
  readonly #shell: Shell;
  readonly #keyboard: Keyboard;
  readonly #server: REPLServer;
  #isCompleting = false;

  constructor(
    database: Database,
    private readonly options: TerminalOptions,
  ) {
    this.#shell = new Shell(database, options, () => {
      tell(`\nRolled back: ${options.holdSeconds} s without a line. Entities that were loaded must be loaded again.\n`);
      this.#prompt();
    });
    tell(options.banner);
    this.#keyboard = new Keyboard(process.stdin, () => this.#server.emit('SIGINT'));
    this.#server = start({
      input: this.#keyboard,
      output: process.stdout,
      terminal: true,
      // Shown when all is ready: what is typed before that counts as pasted, in which a tab completes nothing.
      prompt: '',
      useGlobal: true,
      ignoreUndefined: true,
      preview: false,
      breakEvalOnSigint: true,
      writer: value => this.#shell.shown(value, this.#server.useColors),
    });
  }

  async run(): Promise<ExitCode> {
    const server = this.#server;
    const { session, names } = this.#shell;
    const known = names.all();
    const takeAway = nameIn(server.context, known);
    const writeAgain = writeDirectly();
    const evaluator = new Evaluator(session, names, server, this.#keyboard);
    this.#completeWithoutTransaction();
    this.#replaceEval(evaluator);
    this.#defineCommands(known);
    await this.#keepHistory();
    this.#prompt();
    await once(server, 'exit');
    const { heldLines } = session;
    await session.rollBack();
    if (heldLines > 0) tell(rolledBack(heldLines));
    evaluator.close();
    await this.#keyboard.close();
    writeAgain();
    takeAway();
    return ExitCode.clean;
  }

  #replaceEval(evaluator: Evaluator): void {
    const replaced: REPLServer['eval'] = (code, context, file, done) => {
      if (this.#isCompleting) return evaluator.evaluateAlone.call(this.#server, code, context, file, done);
      const { heldLines } = this.#shell.session;
      const evaluated = evaluator.valueOf(code).then(
        value => {
          this.#setPrompt();
          done(null, value);
        },
        (error: unknown) => {
          this.#setPrompt();
          if (error instanceof Recoverable) return done(error, undefined);
          tell(`${this.#shell.textOf(error)}\n`);
          if (heldLines > 0 && this.#shell.session.heldLines === 0)
            tell(`The transaction has ended. ${rolledBack(heldLines)}`);
          done(null, undefined);
        },
      );
      this.#runs(evaluated);
    };
    Object.assign(this.#server, { eval: replaced });
  }

  /** Keeps what is typed until something has ended. */
  #runs(work: Promise<void>): void {
    const release = this.#keyboard.hold();
    void work.finally(release);
  }

  /** Completion evaluates parts of what is typed, which needs no transaction. */
  #completeWithoutTransaction(): void {
    const { completer } = this.#server as unknown as { readonly completer: AsyncCompleter };
    const completing: AsyncCompleter = (line, done) => {
      const complete = (text: string, then: typeof done): void => {
        this.#isCompleting = true;
        completer(text, (error, found) => {
          this.#isCompleting = false;
          then(error, found && inSameCase(found));
        });
      };
      complete(line, (error, found) => {
        // Node 24 finds nothing behind an await.
        const [name] = LAST_NAME.exec(line) ?? [];
        if (name === undefined || name === line || (found?.[0].length ?? 0) > 0) done(error, found);
        else complete(name, done);
      });
    };
    Object.assign(this.#server, { completer: completing });
  }

  async #keepHistory(): Promise<void> {
    const { history } = this.options;
    if (history === null) return;
    // One that others can read was made by something else.
    await chmod(history, 0o600).catch(() => undefined);
    await new Promise<void>(resolve => {
      this.#server.setupHistory({
        filePath: history,
        size: HISTORY_LINES,
        onHistoryFileLoaded: error => {
          if (error) tell(`The history ${history} cannot be kept (${(error as NodeJS.ErrnoException).code}).\n`);
          resolve();
        },
      });
    });
  }

  #defineCommands(names: ReadonlyMap<string, ShellName>): void {
    const server = this.#server;
    const { session, saves } = this.#shell;
    const unlisted = ['break', 'clear', 'editor', 'load', 'save'];
    for (const name of unlisted) Reflect.deleteProperty(server.commands, name);
    server.defineCommand('help', {
      help: 'Print what is at hand',
      action: () => {
        tell(helpText(names, server.commands));
        this.#prompt();
      },
    });
    if (saves) return;
    server.defineCommand('rollback', {
      help: 'Take back the changes of this session',
      action: () => {
        const { heldLines } = session;
        const rolled = session.rollBack().then(() => {
          tell(heldLines > 0 ? rolledBack(heldLines) : 'There are no changes.\n');
          this.#prompt();
        });
        this.#runs(rolled);
      },
    });
    server.defineCommand('commit', {
      help: 'Keep the changes of this session; asks first',
      action: () => this.#commit(),
    });
  }

  #commit(): void {
    const { session } = this.#shell;
    const { heldLines } = session;
    if (heldLines === 0) {
      tell('There are no changes.\n');
      this.#prompt();
      return;
    }
    this.#server.question(`Type "yes" to keep the changes of ${quantity(heldLines, 'line')}: `, answer => {
      this.#runs(this.#committed(answer.trim() === 'yes').then(() => this.#prompt()));
    });
  }

  async #committed(isConfirmed: boolean): Promise<void> {
    const { session } = this.#shell;
    if (!isConfirmed) {
      tell('Not kept. .rollback takes the changes back.\n');
      return;
    }
    if (session.heldLines === 0) {
      tell('The changes were rolled back meanwhile.\n');
      return;
    }
    try {
      await session.save();
      tell('Kept.\n');
    } catch (error) {
      tell(`${this.#shell.textOf(error)}\n`);
    }
  }

  #setPrompt(): void {
    this.#server.setPrompt(promptOf(this.#shell.saves, this.#shell.session.heldLines));
  }

  #prompt(): void {
    this.#setPrompt();
    this.#server.displayPrompt();
  }
}

/** Returns the completions in the letter case of what is typed, which alone have a beginning in common with it, or all. */
function inSameCase([names, typed]: CompleterResult): CompleterResult {
  const same = names.filter(name => name.startsWith(typed));
  return [same.length > 0 ? same : names, typed];
}

function rolledBack(lines: number): string {
  return `Rolled back the changes of ${quantity(lines, 'line')}.\n`;
}

/** Returns the prompt: with * while changes are held, with ! where each line is saved. */
function promptOf(saves: boolean, heldLines: number): string {
  return `rollcall${saves ? '!' : heldLines > 0 ? '*' : ''}> `;
}

function helpText(names: ReadonlyMap<string, ShellName>, commands: REPLServer['commands']): string {
  const entry = (form: string, meaning: string): string => `  ${form.padEnd(NAME_MEANING_COLUMN - 3)} ${meaning}\n`;
  const lines = [...names].map(([name, { form = name, meaning }]) => entry(form, meaning));
  const dotted = Object.entries(commands).map(([name, command]) => entry(`.${name}`, command?.help ?? ''));
  return `${lines.join('')}\n${dotted.join('')}\nCtrl+C cancels a line, Ctrl+D ends the shell.\n`;
}
