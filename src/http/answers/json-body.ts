import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';

/**
 * The deepest nesting of lists and objects in a body. JSON.parse() takes longer for each level than for the level
 * around it: 0.4 s for a megabyte of brackets.
 */
export const MAX_BODY_NESTING = 200;

/**
 * Parses JSON bodies as Fastify does, but rejects a body that is not UTF-8 or is nested too deeply before parsing it.
 */
export function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // JSON is UTF-8. Bytes that are not would be decoded, and then stored, as other characters.
    if (!isUtf8(body as Buffer)) return done(badBody('The body is not valid UTF-8. Send JSON encoded as UTF-8.'));
    const text = String(body);
    if (!isNestedDeeper(text, MAX_BODY_NESTING)) return parse(request, text, done);
    return done(
      badBody(
        `The body has lists or objects more than ${MAX_BODY_NESTING} deep within each other, and ${MAX_BODY_NESTING} are allowed.`,
      ),
    );
  });
}

function badBody(message: string): Error {
  return Object.assign(new Error(message), { statusCode: 400 });
}

/** Returns true if lists and objects in a JSON text are nested deeper than a limit. */
export function isNestedDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let isInText = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (isInText) {
      if (character === '\\') index += 1;
      else if (character === '"') isInText = false;
    } else if (character === '"') isInText = true;
    else if (character === '[' || character === '{') {
      depth += 1;
      if (depth > limit) return true;
    } else if (character === ']' || character === '}') depth -= 1;
  }
  return false;
}
