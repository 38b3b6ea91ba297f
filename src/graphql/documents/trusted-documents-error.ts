import { shownPath } from '../../database/texts/shown-path.js';
import { quotedText } from '../../use-cases/quoted-text.js';

/** The error of a folder of trusted documents: every mistake, each with its file and a hint. */
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
