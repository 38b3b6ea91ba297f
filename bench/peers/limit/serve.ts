import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { answerTo, type Body } from './answers.ts';
import { claimsOf, logRequest } from './duties.ts';
import type { Statements } from './statements.ts';

/** Serves the five requests; the operation's name says what is wanted, and its text is not read. */
export function serve(statements: Statements, { duties }: { duties: boolean }): void {
  createServer((request, response) => {
    const start = performance.now();
    const parts: Buffer[] = [];
    request
      .on('data', (part: Buffer) => parts.push(part))
      .on('end', () => {
        void answer(Buffer.concat(parts).toString(), request.headers.authorization).then(({ operation, text }) => {
          const id = duties ? randomUUID() : '';
          response
            .writeHead(200, {
              'content-type': 'application/json; charset=utf-8',
              'content-length': Buffer.byteLength(text),
              ...(duties ? { 'x-request-id': id } : {}),
            })
            .end(text);
          if (duties) logRequest(id, operation, 200, start);
        });
      });
  }).listen(Number(process.env['PORT']), '127.0.0.1');

  async function answer(text: string, authorization: string | undefined): Promise<{ operation: string; text: string }> {
    let operation = '';
    try {
      if (duties) claimsOf(authorization);
      const body = JSON.parse(text) as Body;
      operation = body.operationName;
      return { operation, text: JSON.stringify({ data: await answerTo(body, statements) }) };
    } catch (error) {
      return { operation, text: JSON.stringify({ errors: [{ message: (error as Error).message }] }) };
    }
  }
}
