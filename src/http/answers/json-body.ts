import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';

/**
 * Limits the lists and objects within each other in a body: JSON.parse() takes longer for each than for the one around
 * it, 0.4 s for a megabyte of them.
 */
export const MAX_BODY_NESTING = 200;

/**
 * Has bodies of JSON read as Fastify does, but refuses one that is nested deeper than any request before it is parsed.
 */
export function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // As JSON is; a character that is lost would be stored as another one.
    if (!isUtf8(body as Buffer)) return done(refused('The body is not UTF-8, which JSON is always in. Send it so.'));
    const text = String(body);
    if (!isNestedDeeper(text, MAX_BODY_NESTING)) return parse(request, text, done);
    return done(
      refused(
        `The body has lists or objects more than ${MAX_BODY_NESTING} deep within each other, and ${MAX_BODY_NESTING} are allowed.`,
      ),
    );
  });
}

function refused(message: string): Error {
  return Object.assign(new Error(message), { statusCode: 400 });
}

/** Returns whether lists or objects of a JSON text are within each other deeper than a limit. */
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
