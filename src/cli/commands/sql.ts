import { Argument, type Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { dialectOf } from '../../database/database.js';
import { sqlScript, type ScriptName } from '../../tools/sql-scripts.js';
import { withExistingDatabase } from '../database/with-database.js';
import { CommandError } from '../failures/command-error.js';
import { ExitCode } from '../output/exit-code.js';
import { printWhole } from '../output/terminal.js';

const scripts: readonly ScriptName[] = ['verify', 'update', 'procedure'];

/** Adds `sql`. */
export function addSql(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('sql')
    .description(
      "Prints an SQL script for the database's own client, with the names of the tables and columns in this database. Changes nothing.",
    )
    .addArgument(new Argument('<script>', 'what the script does').choices(scripts))
    .addHelpText('after', help)
    .action(async (script: ScriptName) => {
      const text = await withExistingDatabase(loadConfig(), async database => {
        const found = await sqlScript(database, script);
        if (found === null)
          throw new CommandError(
            `${dialectOf(database).title} has no procedures. "rollcall sql verify" prints a script that verifies the counts.`,
          );
        return found;
      });
      await printWhole(text);
      end(ExitCode.clean);
    });
}

const help = `
Examples:
  $ rollcall sql verify | mysql --table rollcall
  $ rollcall sql update > update.sql
  $ rollcall sql procedure | psql rollcall

verify     compares the stored counts with the enrollments, and changes nothing
update     sets the stored counts to the actual ones
procedure  makes the procedure, or function, verify_enrollment_counts; another application's of this name stays, and in its
           database ours is then rollcall_verify_counts

For a database of Rollcall's own, these are the files of the folder schema/.`;
