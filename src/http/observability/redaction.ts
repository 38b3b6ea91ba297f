/** A quick test whether a line can contain a secret at all; most do not. */
const MAY_HAVE_SECRET = /@|%(?:25)*40|eyJ|bearer|authorization|cookie/i;

/**
 * The parts of a line, in this order: a header with credentials, as a JSON property; a JSON escape, which must stay
 * whole; a scheme with its credentials; and a run of characters that separate neither words nor values in SQL, JSON or
 * URLs.
 */
const LINE_PARTS =
  /("(?:authorization|(?:set-)?cookie)":)"(?:[^"\\]|\\.)*"|\\(?:u[\da-f]{4}|.)|\b(bearer\s+)[^\s"\\]+|[^\s"`\\<>()[\]{},;:/=&?|]+/gi;

const TOKEN_LIKE = /eyJ[\w-]+\.[\w-]+/;
const EMAIL_LIKE = /[^@]@[^@]|%(?:25)*40/i;

/** Returns a line of JSON with the tokens and email addresses in it redacted; it stays valid JSON. */
export function withoutSecrets(line: string): string {
  if (!MAY_HAVE_SECRET.test(line)) return line;
  return line.replace(LINE_PARTS, (part: string, header?: string, scheme?: string) => {
    if (header !== undefined) return `${header}"[redacted]"`;
    if (scheme !== undefined) return `${scheme}[token]`;
    if (part.startsWith('\\')) return part;
    return TOKEN_LIKE.test(part) ? '[token]' : EMAIL_LIKE.test(part) ? '[email]' : part;
  });
}
