import { shownPath } from '../../database/texts/shown-path.js';
import { quotedText } from '../../use-cases/quoted-text.js';

/** Lists every mistake in a folder of trusted documents, each with its file and the way out. */
export class TrustedDocumentsError extends Error {
  readonly code = 'TRUSTED_DOCUMENTS_INVALID';

  constructor(
    folder: string,
    readonly mistakes: readonly string[],
  ) {
    super(
      `TRUSTED_DOCUMENTS is ${quotedText(shownPath(folder))}, ${mistakes.length === 1 ? 'where something is wrong' : `where ${mistakes.length} things are wrong`}:\n${mistakes.map(one => `  - ${one}`).join('\n')}`,
    );
    this.name = 'TrustedDocumentsError';
  }
}
