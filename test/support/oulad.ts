import { existsSync } from 'node:fs';

/**
 * The folder of the Open University Learning Analytics Dataset; null if ROLLCALL_OULAD_DIR does not name an existing
 * one.
 */
export const ouladFolder: string | null = existsSync(process.env['ROLLCALL_OULAD_DIR'] ?? '')
  ? process.env['ROLLCALL_OULAD_DIR']!
  : null;

/** Prints a warning that tests on the whole dataset are left out. */
export function reportMissingOuladFor(tests: string): void {
  if (ouladFolder === null)
    process.stderr.write(
      `\n!!! NOT TESTED: ${tests}. Set ROLLCALL_OULAD_DIR to the folder of the dataset; "rollcall import oulad --help" says where to download it.\n\n`,
    );
}
