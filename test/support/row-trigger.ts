import type { DatabaseKind } from '../../src/database/dialects/dialect.js';

/**
 * Returns the statements that create a trigger as another application may have one: on each row it runs a statement or,
 * before a row, rejects it with a message where a condition holds.
 */
export function rowTrigger(
  kind: DatabaseKind,
  name: string,
  event: string,
  table: string,
  does: { readonly statement: string } | { readonly rejectsWhere: string; readonly message: string },
): string[] {
  const head = `create trigger ${name} ${event} on ${table}`;
  if (kind === 'postgresql') {
    const body =
      'statement' in does
        ? `${does.statement};`
        : `if ${does.rejectsWhere} then raise exception '${does.message}'; end if;`;
    return [
      `create function ${name}() returns trigger language plpgsql as $$ begin ${body} return coalesce(new, old); end $$`,
      `${head} for each row execute function ${name}()`,
    ];
  }
  if ('statement' in does) return [`${head} for each row begin ${does.statement}; end`];
  return [
    kind === 'sqlite'
      ? `${head} when ${does.rejectsWhere} begin select raise(abort, '${does.message}'); end`
      : `${head} for each row begin if ${does.rejectsWhere} then signal sqlstate '45000' set message_text = '${does.message}'; end if; end`,
  ];
}
