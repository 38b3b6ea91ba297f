import { Command, InvalidArgumentError, Option } from 'commander';
import { kinds, UnusableDatabase, type Kind } from './database.ts';
import { obstacle, type Fault } from './fault.ts';
import { faults } from './faults.ts';

/** The options of the command line. */
export interface Options {
  readonly minutes: number;
  readonly database: string;
  readonly fault: string;
  readonly reads: number;
  readonly writes: number;
  readonly listeners: number;
  readonly requestTimeout: number;
  readonly busy: number;
}

/** Reads a number from an option. Errors: InvalidArgumentError. */
function number(least: number, isWhole: boolean): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+(?:\.\d+)?$/.test(text) && value >= least && (!isWhole || Number.isSafeInteger(value))) return value;
    throw new InvalidArgumentError(`Give a ${isWhole ? 'whole ' : ''}number from ${least}.`);
  };
}

const names = faults.map(({ name }) => name);

/** Reads the name of a fault. Errors: InvalidArgumentError. */
function faultNamed(text: string): string {
  if (text === 'all' || names.includes(text)) return text;
  throw new InvalidArgumentError(`Give one of ${names.join(', ')}, or all.`);
}

/** Parses the command line. Errors: CommanderError. */
export function optionsOf(
  parameters: readonly string[],
  configure: (program: Command) => unknown = () => undefined,
): Options {
  const program = command();
  configure(program);
  return program.parse(parameters, { from: 'user' }).opts<Options>();
}

function command(): Command {
  return new Command('npm run soak --')
    .description(
      'Puts a server under a steady load of reads, changes and subscriptions, provokes faults, and compares the answers to callers with the database.',
    )
    .addOption(new Option('--minutes <number>', 'how long, for each fault').default(10).argParser(number(0.1, false)))
    .addOption(
      new Option(
        '--database <name>',
        `${kinds.join(', ')}: starts one of its own; or the URL of an empty database of MySQL or MariaDB, without the faults that need a server of its own`,
      ).default('sqlite'),
    )
    .addOption(
      new Option('--fault <name>', 'which fault; all: one after the other').default('none').argParser(faultNamed),
    )
    .addOption(new Option('--reads <number>', 'reads a second').default(200).argParser(number(1, false)))
    .addOption(new Option('--writes <number>', 'changes a second').default(65).argParser(number(1, false)))
    .addOption(
      new Option(
        '--listeners <number>',
        'clients that subscribe to live counts, by WebSocket and by server-sent events, this many by each',
      )
        .default(10)
        .argParser(number(1, true)),
    )
    .addOption(
      new Option('--request-timeout <seconds>', 'REQUEST_TIMEOUT of the server').default(10).argParser(number(1, true)),
    )
    .addOption(
      new Option(
        '--busy <percent>',
        'how many unaffected callers may be told that the server is busy (OVERLOADED, RETRY_LATER, REQUEST_TIMEOUT, READ_FAILED), on a machine that does other work too',
      )
        .default(0)
        .argParser(number(0, false)),
    )
    .addHelpText(
      'after',
      `\nFaults:\n${faults.map(({ name, does, on }) => `  ${name.padEnd(22)}${does} (${on.join(', ')})`).join('\n')}\n\nExit codes: 0 no problem; 1 something was lost, drifted or leaked, or an answer was wrong; 2 wrong usage.\n\nExamples:\n  $ npm run soak -- --minutes 10 --database mysql\n  $ npm run soak -- --minutes 1 --database mariadb --fault hang\n  $ npm run soak -- --minutes 1 --fault all`,
    )
    .allowExcessArguments(false)
    .exitOverride();
}

/**
 * Returns the requested faults that can be provoked, and prints why the others cannot. Errors: UnusableDatabase, if
 * none can.
 */
export function faultsOf(
  { fault, database }: Pick<Options, 'fault' | 'database'>,
  tell: (line: string) => void,
): Fault[] {
  const kind = /^\w+/.exec(database)?.[0] as Kind;
  const wanted = faults.filter(({ name }) => fault === 'all' || fault === name);
  // Opening it reports the mistake.
  if (!kinds.includes(kind)) return wanted;
  const obstacleTo = (one: Fault): string | null => obstacle(one, kind, database === kind);
  const possible = wanted.filter(one => obstacleTo(one) === null);
  for (const one of wanted) if (!possible.includes(one)) tell(`NOT PROVOKED: ${one.name}, since ${obstacleTo(one)}.`);
  if (possible.length > 0) return possible;
  throw new UnusableDatabase(
    `--fault is "${fault}", which cannot be provoked on ${kind} as --database names it. Give ${faults
      .filter(one => obstacleTo(one) === null)
      .map(({ name }) => name)
      .join(', ')}, or another --database.`,
  );
}
