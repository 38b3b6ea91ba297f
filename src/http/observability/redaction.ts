/** Finds quickly whether a line may hold a secret at all; most do not. */
const SUSPECT = /@|%(?:25)*40|eyJ|bearer|authorization|cookie/i;

/**
 * Matches, in this order: a header that carries credentials, as a JSON property; an escape of JSON, which must stay
 * whole; a scheme with its credentials; and a run of the characters that neither part words nor values of SQL, JSON or
 * URLs.
 */
const PARTS =
  /("(?:authorization|(?:set-)?cookie)":)"(?:[^"\\]|\\.)*"|\\(?:u[\da-f]{4}|.)|\b(bearer\s+)[^\s"\\]+|[^\s"`\\<>()[\]{},;:/=&?|]+/gi;

const TOKEN = /eyJ[\w-]+\.[\w-]+/;
const EMAIL = /[^@]@[^@]|%(?:25)*40/i;

/** Gives a line of JSON without the tokens and email addresses in it, wherever they stand; it stays JSON. */
export function withoutSecrets(line: string): string {
  if (!SUSPECT.test(line)) return line;
  return line.replace(PARTS, (part: string, header?: string, scheme?: string) => {
    if (header !== undefined) return `${header}"[redacted]"`;
    if (scheme !== undefined) return `${scheme}[token]`;
    if (part.startsWith('\\')) return part;
    return TOKEN.test(part) ? '[token]' : EMAIL.test(part) ? '[email]' : part;
  });
}
