import { CriticalityLevel, diff, type Change } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { asJson, type AnnouncedChange } from './announced.ts';

/** Two versions of the schema, as texts, and the breaking changes that are announced. */
export interface Comparison {
  readonly released: string;
  readonly present: string;
  readonly announced: readonly AnnouncedChange[];
}

/**
 * Compares the present schema with the one released last. Throws an Error where a breaking change is not announced, or
 * one that is announced and not released yet is not there; its message lists them, then the dangerous ones, and says
 * what to do.
 */
export async function compareWithReleased({ released, present, announced }: Comparison): Promise<void> {
  const changes = await diff(buildSchema(released), buildSchema(present));
  const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
  const dangerous = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Dangerous);
  const pending = announced.filter(change => change.released === null);
  const unannounced = breaking.filter(change => !pending.some(one => isOf(one, change)));
  const stale = pending.filter(one => !breaking.some(change => isOf(one, change)));
  if (unannounced.length === 0 && stale.length === 0) return;

  const parts = [];
  if (unannounced.length > 0) {
    parts.push(
      `The schema breaks clients of the one released last, and it is not announced:\n${list(unannounced)}`,
      'Keep what was there, deprecated, beside the new; or add this to schema/breaking-changes.json, with why and what clients do instead:',
      asJson(unannounced.map(announcement)),
    );
  }
  if (stale.length > 0) {
    parts.push(
      `Announced in schema/breaking-changes.json, but the schema has no such change; take the entries out:\n${list(stale.map(({ change, ...one }) => ({ ...one, message: change })))}`,
    );
  }
  if (dangerous.length > 0)
    parts.push(`Clients may also notice these, which need no announcement:\n${list(dangerous)}`);
  throw new Error(parts.join('\n\n'));
}

function isOf({ type, path, change }: AnnouncedChange, found: Change): boolean {
  return type === found.type && path === (found.path ?? null) && change === found.message;
}

function announcement({ type, path, message }: Change): AnnouncedChange {
  return {
    type,
    path: path ?? null,
    change: message,
    announced: new Date().toISOString().slice(0, 10),
    why: '',
    instead: '',
    released: null,
  };
}

function list(changes: readonly Pick<Change, 'type' | 'message'>[]): string {
  return changes.map(({ type, message }) => `- ${message} (${type})`).join('\n');
}
