import { Argument, type Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { existingTriggers, installTriggers, removeTriggers, triggerStatus } from 'mikro-orm-counters';
import { disagreementOf, inForce } from '../../tools/counter-agreement.js';
import { ExitCode } from '../output/exit-code.js';
import { print } from '../output/terminal.js';
import { withDatabase } from '../database/with-database.js';

/** Adds `counters status` and `counters use`. */
export function addCounters(program: Command, end: (code: ExitCode) => void): void {
  const counters = program
    .command('counters')
    .description('Shows or changes what keeps the stored counts: hooks in the servers, or triggers in the database.');
  counters
    .command('status')
    .description(
      'Shows what is configured, what the database has, and whether the two agree; exit code 1 if they do not.',
    )
    .addHelpText('after', '\nExample:\n  $ rollcall counters status')
    .action(async () => end(await showStrategyStatus()));
  counters
    .command('use')
    .description('Installs or drops the triggers, while servers continue to write.')
    .addArgument(new Argument('<strategy>', 'what keeps the counts').choices(['hooks', 'triggers']))
    .option('--guard', 'with triggers: ignore what other programs assign to the stored counts')
    .addHelpText('after', helpOfUse)
    .action(async (strategy: 'hooks' | 'triggers', { guard = false }: { guard?: boolean }, command: Command) => {
      if (guard && strategy === 'hooks')
        command.error('error: --guard needs triggers: a guard is made of them, and ends with them.');
      end(await use(strategy, guard));
    });
  counters.addHelpText('after', '\nExamples:\n  $ rollcall counters status\n  $ rollcall counters use triggers');
}

async function showStrategyStatus(): Promise<ExitCode> {
  const config = loadConfig();
  const triggers = await withDatabase(config, database => triggerStatus(database.em));
  // Without triggers hooks count, and no trigger is missing.
  const states =
    config.counters !== 'triggers' && existingTriggers(triggers).length === 0
      ? []
      : (['present', 'different', 'missing', 'superfluous', 'foreign'] as const);
  const lines = states.flatMap(state => triggers[state].map(name => `${state.padEnd(11)}  ${name}`));
  const disagreement = disagreementOf(config.counters, triggers);
  print(
    [
      `configured   ${config.counters}`,
      `database     ${inForce(triggers)}`,
      ...lines,
      disagreement ?? 'They agree.',
      '',
    ].join('\n'),
  );
  return disagreement === null ? ExitCode.clean : ExitCode.failure;
}

async function use(strategy: 'hooks' | 'triggers', guard: boolean): Promise<ExitCode> {
  const { created, dropped } = await withDatabase(loadConfig(), async ({ em }) => {
    return strategy === 'triggers'
      ? installTriggers(em, { guard })
      : { created: [], dropped: await removeTriggers(em) };
  });
  for (const name of created) print(`Installed ${name}.\n`);
  for (const name of dropped) print(`Dropped ${name}.\n`);
  if (created.length + dropped.length === 0) print('There was nothing to do.\n');
  if (guard) print(GUARDED_NOTICE);
  return ExitCode.clean;
}

/** What is said of a guard when it is there. */
const GUARDED_NOTICE =
  'What other programs assign to the stored counts is ignored, without an error. "rollcall counters use triggers" takes the guard away.\n';

const helpOfUse = `
From hooks to triggers, without a moment in which counts can drift:
  1. $ rollcall counters use triggers      servers with COUNTERS=hooks continue: triggers skip their writes
  2. restart each server with COUNTERS=triggers
From triggers to hooks:
  1. restart each server with COUNTERS=switching, so that hooks count
  2. $ rollcall counters use hooks
  3. set COUNTERS=hooks for the next restart
Beside another program that still assigns the counts, such as a Django app with signals (not on SQLite):
  $ rollcall counters use triggers --guard
  It gets no error, and the triggers alone change the counts. Without --guard, the same command takes the guard away.
A server with COUNTERS=hooks does not start while there are triggers, and one with COUNTERS=triggers does not write
without them.
On MySQL and MariaDB the user needs the privileges TRIGGER and LOCK TABLES; with binary logging they also require
log_bin_trust_function_creators=1 or the privilege SUPER. On PostgreSQL the user must own the tables.`;
