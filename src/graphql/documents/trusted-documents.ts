/** The only documents that a server runs, found by their ids, by the hash of their text, or by the text itself. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { GraphQLError } from 'graphql';
import { quotedText } from '../../use-cases/quoted-text.js';
import { readDocument, type DocumentRules, type ReadDocument } from './documents.js';
import { codedError } from '../errors/errors.js';
import { TrustedDocumentsError } from './trusted-documents-error.js';
import { documentsIn } from './trusted-manifests.js';

/** A document that may run, read once at the start. */
export interface TrustedDocument extends ReadDocument {
  readonly text: string;
}

/** The ways in which a request names a document; all that it uses must name the same one. */
export interface SentDocument {
  /** The text; empty or absent: none. */
  readonly query?: unknown;
  /** The id as in GraphQL over HTTP, which may be `sha256:` and a hash. */
  readonly documentId?: unknown;
  /** The id as in Relay's guide. */
  readonly doc_id?: unknown;
  readonly id?: unknown;
  /** The place of the id, or of the hash, for Apollo Client. */
  readonly extensions?: { readonly persistedQuery?: { readonly sha256Hash?: unknown } | null } | null;
}

/** The documents of a folder. */
export class TrustedDocuments {
  readonly #byId: ReadonlyMap<string, TrustedDocument>;
  /** How many documents there are. */
  readonly size: number;

  constructor(byId: ReadonlyMap<string, TrustedDocument>) {
    this.#byId = byId;
    this.size = new Set(byId.values()).size;
  }

  /**
   * Returns the document that a request names, or the error if it names none of these; nothing of its text is parsed.
   */
  find(sent: SentDocument): TrustedDocument | GraphQLError {
    const ids = documentIdsIn(sent);
    const stranger = ids.find(id => typeof id !== 'string' || !this.#byId.has(id));
    if (stranger !== undefined)
      return notTrusted(
        typeof stranger === 'string' ? `none has the id ${quotedText(stranger)}` : 'an id must be text',
      );
    const { query } = sent;
    const byText = typeof query === 'string' && query !== '' ? [this.#byId.get(documentHash(query))] : [];
    if (byText.includes(undefined)) return notTrusted('the text that was sent is none of theirs');
    const [document, ...others] = new Set([...ids.map(id => this.#byId.get(id as string)), ...byText]);
    if (!document) return notTrusted('the request names none');
    return others.length > 0 ? notTrusted('the request names several') : document;
  }
}

/** Reads the documents of a folder and its subfolders. Errors: TrustedDocumentsError, with every mistake. */
export function readTrustedDocuments(folder: string, rules: DocumentRules): TrustedDocuments {
  const mistakes: string[] = [];
  const byText = new Map<string, TrustedDocument>();
  const byId = new Map<string, { readonly document: TrustedDocument; readonly file: string }>();
  for (const file of filesIn(folder)) {
    const kept = keptIn(file);
    if (typeof kept === 'string') mistakes.push(`${file} ${kept}`);
    else if (kept.length === 0)
      mistakes.push(`${file} has no document. Leave it out, or have your tool write it again.`);
    for (const { id, text } of typeof kept === 'string' ? [] : kept) {
      const where = id === null ? file : `${file}, ${quotedText(id)}:`;
      const document = byText.get(text) ?? trusted(text, rules);
      if (Array.isArray(document)) {
        mistakes.push(`${where} ${document.map(({ message }) => message).join(' ')} Correct it, or leave it out.`);
        continue;
      }
      byText.set(text, document);
      for (const one of [...(id === null ? [] : [id]), ...hashesOf(text)]) {
        const other = byId.get(one);
        if (other && other.document.text.trim() !== text.trim())
          mistakes.push(`${where} the id ${quotedText(one)} has another text in ${other.file}. Keep one of them.`);
        if (!other) byId.set(one, { document, file });
      }
    }
  }
  if (mistakes.length === 0 && byId.size === 0)
    mistakes.push(
      'There is no document, so that nothing could run. Put your manifest there, or leave TRUSTED_DOCUMENTS out.',
    );
  if (mistakes.length > 0) throw new TrustedDocumentsError(folder, mistakes);
  return new TrustedDocuments(new Map([...byId].map(([id, { document }]) => [id, document])));
}

/** Returns all ids by which a request names a document, whatever their types. */
function documentIdsIn({ documentId, doc_id: relayId, id, extensions }: SentDocument): unknown[] {
  return [documentId, relayId, id, extensions?.persistedQuery?.sha256Hash].filter(
    one => one !== undefined && one !== null,
  );
}

/** Returns the paths of the files in a folder, in order, without hidden ones. */
function filesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    // Links must lead to files, as those of Kubernetes do; reading a pipe or a device would never end.
    const files = entries
      .filter(entry => entry.isFile() || entry.isSymbolicLink())
      .map(({ parentPath, name }) => join(parentPath, name));
    // Kubernetes keeps the files of a ConfigMap a second time, in a hidden folder.
    return files.filter(file => !/(^|[\\/])\./.test(relative(folder, file))).toSorted();
  } catch (error) {
    throw new TrustedDocumentsError(folder, [
      `The folder cannot be read (${(error as NodeJS.ErrnoException).code}). Name a folder that is there, and let this user read it.`,
    ]);
  }
}

function keptIn(file: string): ReturnType<typeof documentsIn> {
  try {
    return documentsIn(file, readFileSync(file, 'utf8'));
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code}). Let this user read it, or leave it out.`;
  }
}

function trusted(text: string, rules: DocumentRules): TrustedDocument | GraphQLError[] {
  const read = readDocument(text, rules);
  return Array.isArray(read) ? read : { ...read, text };
}

/**
 * Returns the ids that follow from a text: its hash, in both forms, also without the line end of a file, which clients
 * do not send.
 */
function hashesOf(text: string): string[] {
  return [...new Set([text, text.trimEnd()])].flatMap(one => [documentHash(one), `sha256:${documentHash(one)}`]);
}

function documentHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function notTrusted(reason: string): GraphQLError {
  return codedError(
    'DOCUMENT_NOT_TRUSTED',
    `This server runs only documents that it was given, and ${reason}. Send the id of one of them, or its exact text.`,
  );
}
