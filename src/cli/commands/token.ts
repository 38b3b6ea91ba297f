import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { numberIn, Role, uuidIn } from '../../entities/index.js';
import { issueToken, type Lifetime } from '../../access/tokens.js';
import { ExitCode } from '../output/exit-code.js';
import { id, lifetime, roleNamed } from '../input/option-values.js';
import { print } from '../output/terminal.js';

/** Adds `token`. */
export function addToken(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('token')
    .description(
      'Prints a bearer token, signed with JWT_SECRET. Needs no database, so it does not check that the user exists.',
    )
    .requiredOption('--role <role>', 'student, teacher or admin', roleNamed)
    .option('--user <id>', "the user whose token it is; an admin's token needs none", id)
    .option('--expires <span>', 'how long it is valid: 90s, 15m, 1h, 30d', lifetime, '1h' as const)
    .addHelpText(
      'after',
      '\nExamples:\n  $ rollcall token --role admin\n  $ rollcall token --role student --user 41 --expires 30d',
    )
    .action(
      async (
        { role, user = null, expires }: { role: Role; user?: string | null; expires: Lifetime },
        command: Command,
      ) => {
        if (role !== Role.ADMIN && user === null)
          command.error(`A ${role}'s token needs a user. Add the user's id with --user.`);
        print(
          `${await issueToken(loadConfig().jwt, { userId: user === null ? null : (numberIn(user) ?? uuidIn(user)), role, expiresIn: expires })}\n`,
        );
        end(ExitCode.clean);
      },
    );
}
