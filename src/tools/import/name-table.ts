import { quotedCell } from './bad-row.js';
import { ImportError } from './import-error.js';
import type { NameTable } from './references.js';
import type { Source } from './source.js';
import { tableBlocks } from './table.js';

/**
 * Reads a table of two columns: `external_id`, what another system calls courses or users, and `course` or `user`, our
 * ids, titles or emails. All of it is in memory, about 150 bytes a row. Errors: ImportError, at the first row that
 * cannot be read, or that gives another meaning to a name.
 */
export async function nameTable(source: Source, ours: 'course' | 'user'): Promise<NameTable> {
  const names = new Map<string, string>();
  const options = {
    ignored: [],
    aliases: {
      external_id: ['external', 'sourced_id', 'sis_id', 'id_number'],
      [ours]: ours === 'course' ? ['course_id', 'title', 'id'] : ['user_id', 'email', 'student', 'id'],
    },
  };
  for await (const { rows, bad } of tableBlocks(source, ['external_id', ours], options)) {
    const [first] = bad;
    if (first) throw new ImportError('IMPORT_FILE', `${first.file}:${first.line}: ${first.code}: ${first.message}`);
    for (const { line, values } of rows) {
      const { external_id: name, [ours]: meaning } = values as Record<string, string>;
      const before = names.get(name!);
      if (before !== undefined && before !== meaning)
        throw new ImportError(
          'IMPORT_FILE',
          `${source.name}:${line}: ${quotedCell(name!)} is ${quotedCell(meaning!)} here and ${quotedCell(before)} in a line above. Remove one of both.`,
        );
      names.set(name!, meaning!);
    }
  }
  return { file: source.name, names };
}
