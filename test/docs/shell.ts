import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

/** The result of a command: its exit code, and its standard output and standard error in their order. */
export interface Printed {
  readonly code: number;
  readonly output: string;
}

/** A shell in which commands run one after the other, as if a person typed them. */
export interface Shell {
  /** Runs a command; fails if it ends the shell. */
  readonly type: (command: string) => Promise<Printed>;
  /** Ends the shell and whatever it has left in the background. */
  readonly leave: () => Promise<void>;
}

/** Starts `sh` in a folder with these variables only. */
export function openShell(folder: string, env: Readonly<Record<string, string>>): Shell {
  // A process group of its own, so that ending it reaches background processes.
  const child = spawn('sh', { cwd: folder, env, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  let output = '';
  let check = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    check();
  });
  child.stdin.write('exec 2>&1\n');
  return {
    type(command) {
      const mark = randomUUID();
      const answer = new Promise<Printed>((resolve, reject) => {
        check = () => {
          const [whole, before, code] = new RegExp(`^([\\s\\S]*)${mark} (\\d+)\\n`).exec(output) ?? [];
          if (whole === undefined) return;
          output = output.slice(whole.length);
          resolve({ code: Number(code), output: before! });
        };
        void ended.then(() => reject(new Error(`The shell ended with this command. It had printed:\n${output}`)));
      });
      child.stdin.write(`eval ${quoted(command)} < /dev/null\nprintf '%s %s\\n' ${mark} $?\n`);
      return answer;
    },
    async leave() {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch (error) {
        // All of them have ended already.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
      await ended;
    },
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
